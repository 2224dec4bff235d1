"""What turns bytes of a peer into data: it returns a message, or raises the one error that it promises."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, get_args

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz import samples
from tests.fuzz.hunt import Unprepared
from tests.fuzz.inputs import any_data, audio_frames, garbled, texts
from tests.fuzz.watch import Defect
from voiceagent.call import ActiveCall
from voiceagent.live import events
from voiceagent.live import messages as live
from voiceagent.sandbox.exchange import malformed
from voiceagent.sandbox.live import fields, protocol
from voiceagent.sandbox.scenario import Scenario, ScenarioError, parse_scenario
from voiceagent.wire import Unknown, WireError, control, encode, frames, media
from voiceagent.wire.handoff import decode_handoff

LONGEST_ERROR = 500
"""Characters of the longest error text: it goes into logs, answers and close reasons."""

_PRIVATE = ("token", "session_token", "session_url", "remote_address", "local_address", "sender")

_WIRE: dict[str, tuple[Callable[[str | bytes], Any], Any]] = {
    "control.client": (control.decode_client, control.ClientMessage),
    "control.server": (control.decode_server, control.ServerMessage),
    "media.client": (media.decode_client, media.ClientMessage),
    "media.server": (media.decode_server, media.ServerMessage),
}


def refusal(error: ValueError) -> str:
    """The text of an error, checked to be fit for a log.

    Raises:
        Defect: it is too long, cannot be written, or shows a secret.
    """
    text = str(error)
    if len(text) > LONGEST_ERROR:
        raise Defect(f"an error text of {len(text)} characters: {text[:120]}...")
    text.encode()
    if samples.TOKEN in text:
        raise Defect("an error text shows the token")
    return text


def discreet(message: Any) -> None:
    """Check that the repr of a message shows no secret and no number."""
    shown = repr(message)
    fields: Iterable[str] = getattr(message, "__struct_fields__", ())
    others = [str(getattr(message, name)) for name in fields if name not in _PRIVATE]
    for name in _PRIVATE:
        value = getattr(message, name, None)
        if (
            isinstance(value, str)
            and len(value) > 8
            and value in shown
            and not any(value in o for o in others)
        ):
            raise Defect(f"the repr of {type(message).__name__} shows its {name}")


class WireMessages(Unprepared):
    """The text messages of both links, read as all four sides read them."""

    name = "wire-messages"
    share = 1.5
    examples = 300

    def inputs(self) -> SearchStrategy[Any]:
        kinds = (samples.CONTROL_CLIENT, samples.CONTROL_SERVER, samples.MEDIA_CLIENT, samples.MEDIA_SERVER)
        return st.integers(0, 3).flatmap(lambda kind: any_data(kinds[kind]))

    def check(self, value: str | bytes, tally: Counter[str]) -> None:
        for side, (decode, union) in _WIRE.items():
            try:
                message = decode(value)
            except WireError as error:
                refusal(error)
                tally[f"{side}: refused"] += 1
                continue
            if isinstance(message, Unknown):
                tally[f"{side}: unknown"] += 1
                continue
            if not isinstance(message, get_args(union) or (union,)):
                raise Defect(f"{side}: {type(message)} is none of its messages")
            tally[type(message).__name__] += 1
            discreet(message)
            again = decode(encode(message))
            if again != message:
                raise Defect(f"{side}: encoded and decoded, it is {again!r:.300}, not {message!r:.300}")
        if isinstance(value, str):
            for whose in (malformed.request_id, malformed.command_id):
                asked = whose(value)
                if asked is not None:
                    asked.encode()
                    tally["malformed: answerable"] += 1


class Frames(Unprepared):
    """The audio frames."""

    name = "wire-frames"
    share = 0.2
    examples = 200

    def inputs(self) -> SearchStrategy[Any]:
        return audio_frames | st.binary(max_size=4000)

    def check(self, value: bytes, tally: Counter[str]) -> None:
        try:
            channel, pcm = frames.decode_frame(value)
        except WireError as error:
            refusal(error)
            tally["refused"] += 1
            return
        tally["accepted"] += 1
        if not 0 <= channel <= 255 or not len(pcm) or len(pcm) % frames.BYTES_PER_SAMPLE:
            raise Defect(f"channel {channel} with {len(pcm)} bytes of PCM")
        if frames.encode_frame(pcm, channel) != value:
            raise Defect("encoded and decoded, the frame is another")


_HAND_OFF = samples.Samples(
    [
        {
            "channel": "TELCO",
            "id": samples.CALL,
            "caller": samples.CALLER,
            "callee": samples.CALLEE,
            "session_url": "ws://127.0.0.1:9/v1/voice-session/1",
            "session_token": samples.TOKEN,
            "sample_rate": 24000,
        }
    ]
)


class HandOffs(Unprepared):
    """The JSON with which one process hands a call to another."""

    name = "hand-off"
    share = 0.4
    examples = 200

    def inputs(self) -> SearchStrategy[Any]:
        return any_data(_HAND_OFF)

    def check(self, value: str | bytes, tally: Counter[str]) -> None:
        try:
            handoff = decode_handoff(value)
        except WireError as error:
            refusal(error)
            tally["refused"] += 1
            return
        tally["accepted"] += 1
        try:
            ActiveCall.from_json(value)
        except ValueError as error:
            refusal(error)
            tally["not taken"] += 1
        discreet(handoff)
        if decode_handoff(encode(handoff)) != handoff:
            raise Defect("encoded and decoded, the hand-off is another")


class LiveMessages(Unprepared):
    """What a live service sends to the client."""

    name = "live-messages"
    share = 0.8
    examples = 300

    def inputs(self) -> SearchStrategy[Any]:
        return any_data(samples.LIVE_SERVER)

    def check(self, value: str | bytes, tally: Counter[str]) -> None:
        try:
            happened = list(live.decode(value))
        except live.MessageError as error:
            refusal(error)
            tally["refused"] += 1
            return
        tally["accepted"] += 1
        for event in happened:
            tally[type(event).__name__] += 1
            match event:
                case events.Audio(pcm=pcm) if not pcm or len(pcm) % 2:
                    raise Defect(f"audio of {len(pcm)} bytes")
                case events.InputTranscript(text=text) | events.OutputTranscript(text=text):
                    text.encode()
                case events.GoAway(seconds_left=seconds) if (
                    seconds is not None and not 0 <= seconds < math.inf
                ):
                    raise Defect(f"goAway in {seconds} s")
                case events.ToolCalls(calls=calls):
                    for call in calls:
                        json.dumps(call.args, ensure_ascii=False).encode()
                        f"{call.id} {call.name}".encode()


class LiveRequests(Unprepared):
    """What a client sends to the sandbox's live server."""

    name = "live-requests"
    share = 0.8
    examples = 300

    def inputs(self) -> SearchStrategy[Any]:
        return any_data(samples.LIVE_CLIENT)

    def check(self, value: str | bytes, tally: Counter[str]) -> None:
        try:
            message = fields.decode(value)
        except protocol.ProtocolError as error:
            refusal(error)
            tally["refused"] += 1
            return
        for read in (protocol.decode_setup, protocol.decode_inputs):
            try:
                found = read(message)
            except protocol.ProtocolError as error:
                refusal(error)
                tally[f"{read.__name__}: refused"] += 1
            else:
                for item in found if isinstance(found, list) else [found]:
                    tally[type(item).__name__] += 1


_SCENARIO: dict[str, Any] = {
    "caller": {"from": samples.CALLER, "to": samples.CALLEE},
    "script": [{"wait": "agent_done"}, {"say": "hello"}, {"interrupt_after": 1.2}, "hangup"],
    "model": [
        {"on": "start", "say": "how can I help you"},
        {"on": "caller_done", "heard": "hello", "call": {"book": {"day": "monday"}}},
        {"on": "tool_result", "say": "done"},
    ],
    "faults": [{"at": 4.0, "go_away": "5s"}, {"at": 5, "close": 1011}],
}


class Scenarios(Unprepared):
    """The scenario file, which the live server also takes over HTTP."""

    name = "scenario"
    share = 0.4
    examples = 60

    def inputs(self) -> SearchStrategy[Any]:
        # A mutated JSON text is YAML as often as not; YAML of its own kind comes with the garbled ones.
        text = texts(samples.Samples([_SCENARIO]))
        own = st.sampled_from(
            ("&a [*a]", "? ?", "- !!python/object:x {}", "a: &a\n  <<: *a", "%YAML 9", "\t", "- " * 2000)
        )
        return text | own | garbled(text).map(lambda data: data.decode(errors="replace"))

    def check(self, value: str, tally: Counter[str]) -> None:
        try:
            scenario = parse_scenario(value)
        except ScenarioError as error:
            text = str(error)
            text.encode(errors="replace")
            tally["refused"] += 1
            return
        if not isinstance(scenario, Scenario):
            raise Defect(f"a scenario is {type(scenario)}")
        tally["accepted"] += 1
