"""What of an agent would fail with the first caller, found when its service is made.

The rule: what is wrong is named with the attribute, what it is, and what it must be.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence

from voiceagent.agent import VoiceAgent
from voiceagent.bridge.hold_audio import HoldAudioError, hold_pcm
from voiceagent.wire.media import RING_SECONDS

_TEXTS = ("instruction", "idle_goodbye", "longest_goodbye", "goodbye")
_NAMES = ("voice", "language")
_SECONDS = ("answer_seconds", "idle_seconds", "longest_seconds")
_SWITCHES = ("greeting_interruptible", "tell_heard", "report_audio", "telemetry_numbers", "telemetry_texts")
_BARGE_INS = ("model", "local", "off")


def check_agent(agent: VoiceAgent) -> None:
    """Refuse an agent that could not take calls.

    Raises:
        TypeError: it is no agent, or something of it has the wrong type; the text says what.
        ValueError: something of it has a value that cannot be used; the text says which can.
    """
    if not isinstance(agent, VoiceAgent):
        raise TypeError(f"an agent is a subclass of VoiceAgent, or an instance of one, not {agent!r}")
    name = type(agent).__name__
    for hook in vars(VoiceAgent):
        # One without ``async`` could not be waited for in a call.
        if hook.startswith("on_") and not inspect.iscoroutinefunction(getattr(agent, hook)):
            raise TypeError(f"{name}.{hook} must be 'async def'")
    _check_texts(agent, name)
    _check_values(agent, name)
    _check_engine(agent, name)


def check_hold_audio(agent: VoiceAgent, sample_rate: int) -> None:
    """Refuse hold audio that cannot be played on a line of this rate, in Hz, and have it ready.

    Raises:
        ValueError: it cannot; the text says what can.
    """
    try:
        hold_pcm(agent.hold_audio, sample_rate)
    except HoldAudioError as error:
        raise ValueError(f"{type(agent).__name__}.hold_audio: {error}") from error


def _check_texts(agent: VoiceAgent, name: str) -> None:
    if not isinstance(agent.lines, Mapping):
        raise TypeError(f"{name}.lines are the sentences it always says alike, by name: not {agent.lines!r}")
    texts = {attribute: getattr(agent, attribute) for attribute in _TEXTS}
    if agent.greeting is not None:
        texts["greeting"] = agent.greeting
    prompts = agent.idle_prompts
    if isinstance(prompts, str | Mapping) or not isinstance(prompts, Sequence):
        raise TypeError(
            f"{name}.idle_prompts is {prompts!r}, but must be a list of texts, such as ['Still there?']"
        )
    texts.update((f"idle_prompts[{number}]", prompt) for number, prompt in enumerate(prompts))
    for attribute, words in (*texts.items(), *agent.lines.items()):
        if isinstance(words, Mapping):
            if not words:
                raise ValueError(
                    f"{name}: {attribute} is given in no language: give at least one, such as 'en'"
                )
        elif not isinstance(words, str):
            raise TypeError(
                f"{name}: {attribute} is {words!r}, but must be a text, or a text for each language, such as"
                " {'en': 'Hello', 'de': 'Hallo'}"
            )
        elif not words.strip() and attribute.startswith(("idle_", "longest_", "goodbye")):
            raise ValueError(f"{name}: {attribute} is empty, but the caller is to hear it")


def _check_values(agent: VoiceAgent, name: str) -> None:
    if agent.barge_in not in _BARGE_INS:
        raise ValueError(f"{name}.barge_in is {agent.barge_in!r}, but must be 'model', 'local' or 'off'")
    for attribute in _SWITCHES:
        if not isinstance(value := getattr(agent, attribute), bool):
            raise TypeError(f"{name}.{attribute} is {value!r}, but must be True or False")
    for attribute in _NAMES:
        if not isinstance(value := getattr(agent, attribute), str | None):
            raise TypeError(f"{name}.{attribute} is {value!r}, but must be a text, or None")
    for attribute in _SECONDS:
        value = getattr(agent, attribute)
        if value is not None and not (_is_number(value) and value > 0):
            kind = ValueError if _is_number(value) else TypeError
            raise kind(f"{name}.{attribute} is {value!r}, but must be a positive number of seconds, or None")
    shortest, longest = RING_SECONDS
    if not (_is_number(agent.ring_seconds) and shortest <= agent.ring_seconds <= longest):
        raise ValueError(
            f"{name}.ring_seconds is {agent.ring_seconds!r}, but must be {shortest} to {longest} seconds"
        )
    if agent.temperature is not None and not _is_number(agent.temperature):
        raise TypeError(f"{name}.temperature is {agent.temperature!r}, but must be a number, or None")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_engine(agent: VoiceAgent, name: str) -> None:
    engine = agent.engine
    if engine is None:
        return
    if isinstance(engine, type) or not all(
        hasattr(engine, part) for part in ("check", "start", "open", "stop")
    ):
        raise TypeError(
            f"{name}.engine is {engine!r:.80}, but must be an engine, such as AdkEngine() of voiceagent.adk;"
            " an agent of google-adk goes into one: AdkEngine(agent=...)"
        )
    engine.check(agent)
