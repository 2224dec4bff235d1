"""The fast path of Gemini Live messages: what goes out, what comes in, what is skipped."""

import base64
import json

import pytest

from voiceagent.live import (
    Audio,
    GenerationComplete,
    GoAway,
    InputTranscript,
    Interrupted,
    OutputTranscript,
    ResumptionHandle,
    ToolCall,
    ToolCalls,
    ToolCallsCancelled,
    TurnComplete,
    Usage,
    WrittenText,
)
from voiceagent.live.messages import MessageError, decode, encode_audio, encode_text, encode_tool_result
from voiceagent.live.models import TextInput, facts_about


def events(message: object) -> list[object]:
    return list(decode(json.dumps(message)))


def test_caller_audio_is_valid_json_with_its_rate() -> None:
    pcm = bytes(range(256)) * 3
    audio = json.loads(encode_audio(pcm))["realtime_input"]["audio"]
    assert audio["mime_type"] == "audio/pcm;rate=16000"
    assert base64.b64decode(audio["data"]) == pcm


def test_text_goes_in_the_form_of_the_model() -> None:
    assert json.loads(encode_text('say "hi"', TextInput.REALTIME)) == {"realtime_input": {"text": 'say "hi"'}}
    content = json.loads(encode_text("hi", TextInput.CLIENT_CONTENT))["client_content"]
    assert content == {"turns": [{"role": "user", "parts": [{"text": "hi"}]}], "turn_complete": True}


def test_a_tool_result_names_its_call() -> None:
    sent = json.loads(encode_tool_result("fc-1", "book", {"result": 3}))
    assert sent["tool_response"]["function_responses"] == [
        {"id": "fc-1", "name": "book", "response": {"result": 3}}
    ]
    sent = json.loads(encode_tool_result("fc-1", "book", {}, "SILENT"))
    assert sent["tool_response"]["function_responses"][0]["scheduling"] == "SILENT"


def test_a_call_without_an_id_gets_one_of_ours_which_is_not_sent_back() -> None:
    (calls,) = events({"toolCall": {"functionCalls": [{"name": "book"}, {"name": "book"}]}})
    assert isinstance(calls, ToolCalls)
    first, second = calls.calls
    assert first.id != second.id
    sent = json.loads(encode_tool_result(first.id, "book", {"result": 3}))
    assert sent["tool_response"]["function_responses"] == [{"name": "book", "response": {"result": 3}}]


def test_audio_that_ends_in_half_a_sample_cannot_be_read() -> None:
    parts = [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(b"123").decode()}}]
    with pytest.raises(MessageError, match="half a sample"):
        events({"serverContent": {"modelTurn": {"parts": parts}}})


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_audio_is_decoded_from_either_alphabet_and_from_every_part(encode: object) -> None:
    first, second = b"\xfb\xff\xfe\x01", b"\x3e\x3f\xff\xfb"
    parts = [
        {"text": "a thought", "thought": True},
        {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": encode(first).decode()}},  # type: ignore[operator]
        {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": encode(second).decode()}},  # type: ignore[operator]
    ]
    assert events({"serverContent": {"modelTurn": {"parts": parts}}}) == [Audio(first), Audio(second)]


def test_what_is_written_in_place_of_speech_is_told_but_thoughts_are_not() -> None:
    parts = [{"text": "The user wants", "thought": True}, {"text": "We are open."}, {"text": None}]
    assert events({"serverContent": {"modelTurn": {"parts": parts}}}) == [WrittenText("We are open.")]


def test_one_message_gives_its_events_in_the_order_that_matters() -> None:
    message = {
        "serverContent": {
            "turnComplete": True,
            "generationComplete": True,
            "interrupted": True,
            "inputTranscription": {"text": "wait"},
            "outputTranscription": {"text": "Well"},
        },
        "usageMetadata": {"promptTokenCount": 1, "responseTokenCount": 2, "totalTokenCount": 3},
        "toolCall": {"functionCalls": [{"id": "1", "name": "a"}, {"id": "2", "name": "b", "args": {"x": 1}}]},
    }
    assert events(message) == [
        InputTranscript("wait"),
        Interrupted(),
        OutputTranscript("Well"),
        ToolCalls((ToolCall("1", "a", {}), ToolCall("2", "b", {"x": 1}))),
        Usage(1, 2, 3),
        GenerationComplete(),
        TurnComplete(),
    ]


def test_session_messages_are_understood() -> None:
    assert events({"goAway": {"timeLeft": "5.5s"}}) == [GoAway(5.5)]
    assert events({"goAway": {}}) == [GoAway(None)]
    assert events({"toolCallCancellation": {"ids": ["1"]}}) == [ToolCallsCancelled(("1",))]
    assert events({"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}}) == [
        ResumptionHandle("h")
    ]
    assert events({"sessionResumptionUpdate": {"newHandle": "h", "resumable": False}}) == []


@pytest.mark.parametrize("message", [{}, {"brandNewTopLevel": {}}, {"serverContent": {"newField": [1]}}])
def test_what_is_not_known_is_skipped(message: dict[str, object]) -> None:
    assert events(message) == []


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "no json",
        "[]",
        "null",
        b"\xff\xfe",
        '{"serverContent": 3}',
        '{"toolCall": {"functionCalls": [{}]}}',
        '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"*"}}]}}}',
        "[" * 100_000,
    ],
)
def test_what_cannot_be_read_says_so(raw: str | bytes) -> None:
    with pytest.raises(MessageError, match="unreadable message"):
        list(decode(raw))


def test_every_model_has_facts() -> None:
    assert facts_about("models/gemini-3.8-live") is facts_about("gemini-3.8-live-extended-thinking")
    assert facts_about("gemini-3.1-flash-live-preview").text_input is TextInput.REALTIME
    assert facts_about("gemini-9-live") is facts_about("gemini-3.8-live")
