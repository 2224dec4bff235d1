"""What a live session is set up with, in google-genai's words."""

from __future__ import annotations

from typing import Any

from voiceagent.live.models import History, ModelFacts, ToolBehavior, facts_about
from voiceagent.live.session import LiveConfig, ToolDeclaration


def setup_of(config: LiveConfig, handle: str | None = None) -> dict[str, Any]:
    """The configuration of a connection; with ``handle`` it goes on where another one was."""
    facts = facts_about(config.model)
    speech: dict[str, Any] = {}
    if config.voice:
        speech["voice_config"] = {"prebuilt_voice_config": {"voice_name": config.voice}}
    if config.language:
        speech["language_code"] = config.language
    setup: dict[str, Any] = {
        "response_modalities": ["AUDIO"],
        "input_audio_transcription": {},
        "output_audio_transcription": {},
        # Without it an audio session ends after about 15 minutes, when its context is full.
        "context_window_compression": {"sliding_window": {}},
        # Without it no handles are sent, and a connection lasts ten minutes.
        "session_resumption": {} if handle is None else {"handle": handle},
    }
    if speech:
        setup["speech_config"] = speech
    if config.instruction:
        setup["system_instruction"] = config.instruction
    if config.temperature is not None:
        setup["temperature"] = config.temperature
    if not config.interruptible:
        setup["realtime_input_config"] = {"activity_handling": "NO_INTERRUPTION"}
    if config.continues and facts.history is History.AT_START:
        setup["history_config"] = {"initial_history_in_client_content": True}
    if config.tools:
        setup["tools"] = [{"function_declarations": [_declaration(tool, facts) for tool in config.tools]}]
    return setup


def _declaration(tool: ToolDeclaration, facts: ModelFacts) -> dict[str, Any]:
    declaration: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "parameters_json_schema": dict(tool.parameters),
    }
    if tool.blocking is not None and facts.tool_behavior is ToolBehavior.DECLARED:
        declaration["behavior"] = "BLOCKING" if tool.blocking else "NON_BLOCKING"
    return declaration
