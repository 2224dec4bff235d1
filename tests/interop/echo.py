"""A complete program for the public package telcoflow: it answers each call and says what it hears.

Nobody controls it. It reads its settings from the environment, and reports each call as one line of JSON on
standard output when the call is over.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os

from telcoflow import Call, CallAudioConfig, SessionManager, SessionManagerConfig, SessionNotification


async def echo(call: Call) -> None:
    ended: list[str] = []
    heard = bytearray()
    call.on_terminated(lambda: ended.append(call.state))
    answered = await call.answer()
    async for chunk in call.audio_stream():
        heard += chunk
        await call.send_audio(chunk)
    report = {
        "call": call.id,
        "answered": bool(answered),
        "terminated": ended,
        "heard": base64.b64encode(heard).decode(),
    }
    print(json.dumps(report), flush=True)


async def main() -> None:
    config = SessionManagerConfig.create(
        api_key=os.environ["WSS_API_KEY"],
        connector_uuid=os.environ["WSS_CONNECTOR_UUID"],
        base_url=os.environ["CALL_URL"],
        call_audio=CallAudioConfig(sample_rate=int(os.environ["SAMPLE_RATE"])),
    )
    async with SessionManager(config) as manager:

        @manager.on_session_notification
        async def offered(notification: SessionNotification) -> None:
            session = await manager.open_session(notification.session_id)
            session.on_incoming_call(echo)
            await session.ready()

        await manager.run_forever()


if __name__ == "__main__":
    asyncio.run(main())
