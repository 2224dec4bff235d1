"""One valid message of every kind, as plain data: what the mutations begin with.

The ids in capitals stand for what only the attacked party can know; a target puts the real ones in their
place just before it sends.
"""

from __future__ import annotations

from typing import Any

import msgspec

from voiceagent.wire import control, media

SESSION, CALL, TOKEN = "SESSION-ID", "CALL-ID", "token-0123456789abcdef"
REQUEST, COMMAND = "REQUEST-ID", "COMMAND-ID"
CALLER, CALLEE = "+15550100", "+15550199"


class Samples(list[dict[str, Any]]):
    """Messages that do not show up whole in every description of a strategy."""

    def __repr__(self) -> str:
        return f"<{len(self)} samples>"


def _plain(*messages: msgspec.Struct) -> Samples:
    return Samples(msgspec.to_builtins(message) for message in messages)


CONTROL_CLIENT = _plain(
    control.Setup(data=control.SetupData(sample_rate=16000, audio_mode="isolated")),
    control.CallFlowSetup(req_id=REQUEST, data=control.CallFlowData(inbound_call="ALL")),
    control.SessionOpen(req_id=REQUEST, session_id=SESSION),
    control.SessionReady(session_id=SESSION),
    control.SessionCreate(req_id=REQUEST, channel="TELCO", remote_address=CALLEE),
    control.MessageOut(req_id=REQUEST, data={"sessionId": SESSION, "content": {"text": "hello"}}),
)

CONTROL_SERVER = _plain(
    control.SetupDone(sm_ws_id="link-1"),
    control.Response(req_id=REQUEST, ok=True, content={"session": {"id": SESSION, "openedAt": 1700000000}}),
    control.Response(req_id=REQUEST, ok=False, error_code="SESSION_BUSY", error_content={"boundSmWsId": "x"}),
    control.SessionNotify(
        session_id=SESSION,
        channel="TELCO",
        remote_address=CALLER,
        local_address=CALLEE,
        activity="NEW_INCOMING_CALL",
        created_at=1700000000,
    ),
    control.CallIn(
        session_id=SESSION,
        call_id=CALL,
        org_uuid="org",
        from_=CALLER,
        to=CALLEE,
        url="ws://127.0.0.1:9/v1/voice-session/1",
        token=TOKEN,
    ),
    control.MessageIn(session_id=SESSION, sender=CALLER, content={"text": "hello"}),
    control.SessionClosed(session_id=SESSION, reason="CALL_TERMINATED"),
)

MEDIA_CLIENT = _plain(
    *(
        media.Command(
            data=media.CommandData(command_id=COMMAND, command=command, timeout_ms=10_000, data=data)
        )
        for command, data in (
            (media.ANSWER, None),
            (media.CONNECT, {"ringTimeSeconds": 5}),
            (media.WHISPER, None),
            (media.BARGE, {}),
            (media.SPY, None),
            (media.INTERRUPT, None),
            (media.CLOSE, None),
            (media.DISCONNECT, None),
        )
    )
)

MEDIA_SERVER = _plain(
    media.CommandResponse(data=media.CommandResponseData(command_id=COMMAND, success=True, result={"a": 1})),
    media.CommandResponse(
        data=media.CommandResponseData(
            command_id=COMMAND, success=False, error_code="INVALID_STATE", error_message="not now"
        )
    ),
    media.CallEvent(data=media.CallEventData(event=media.TERMINATED_EVENT, reason="hangup")),
    media.CallEvent(
        data=media.CallEventData(event=media.ERROR_EVENT, error_code="TTS", error_message="broken")
    ),
    media.BufferRequest(data=media.BufferRequestData(requested_bytes=960, prefer_audio_frame_bytes=240)),
)

LIVE_SERVER = Samples(
    [
        {"setupComplete": {"sessionId": "session-1"}},
        {
            "serverContent": {
                "modelTurn": {
                    "role": "model",
                    "parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAECAw-_"}}],
                },
                "outputTranscription": {"text": "hello"},
            }
        },
        {"serverContent": {"inputTranscription": {"text": "hello"}, "interrupted": True}},
        {"serverContent": {"generationComplete": True, "turnComplete": True}},
        {"toolCall": {"functionCalls": [{"id": "call-1", "name": "book", "args": {"day": "monday"}}]}},
        {"toolCallCancellation": {"ids": ["call-1"]}},
        {"goAway": {"timeLeft": "5.5s"}},
        {"sessionResumptionUpdate": {"newHandle": "handle", "resumable": True}},
        {"usageMetadata": {"promptTokenCount": 1, "responseTokenCount": 2, "totalTokenCount": 3}},
    ]
)

LIVE_SETUP: dict[str, Any] = {
    "model": "models/gemini-3.8-live",
    "generationConfig": {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Zephyr"}}},
    },
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "inputAudioTranscription": {},
    "outputAudioTranscription": {},
    "sessionResumption": {},
    "realtimeInputConfig": {
        "automaticActivityDetection": {"silenceDurationMs": 500, "prefixPaddingMs": 100},
        "activityHandling": "START_OF_ACTIVITY_INTERRUPTS",
    },
    "tools": [{"functionDeclarations": [{"name": "book", "behavior": "NON_BLOCKING"}]}],
}

LIVE_CLIENT = Samples(
    [
        {"setup": LIVE_SETUP},
        {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AAECAw-_AAAA"}}},
        {"realtime_input": {"media_chunks": [{"mime_type": "audio/pcm", "data": "AAEC"}]}},
        {"realtimeInput": {"text": "hello"}},
        {"realtimeInput": {"activityStart": {}, "activityEnd": {}, "audioStreamEnd": True}},
        {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "hello"}]}], "turnComplete": True}},
        {
            "toolResponse": {
                "functionResponses": [
                    {"id": "call-1", "name": "book", "response": {"ok": True}, "scheduling": "WHEN_IDLE"}
                ]
            }
        },
    ]
)
