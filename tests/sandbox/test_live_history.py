"""What the model is told of the conversation, and asked to say in it, and what it makes of that."""

from __future__ import annotations

from tests.sandbox.live_client import (
    live_server,
    resumable,
)
from tests.sandbox.talks import (
    AGAIN,
    GREETING,
    HEARD_UP_TO,
    QUESTION,
    TALKS,
    answer_to,
    greeted,
    said,
)
from tests.virtual_time import virtual_time
from voiceagent.sandbox.live.rules import NEUTRAL


@virtual_time
async def test_a_sentence_is_said_word_for_word_and_uses_up_no_rule() -> None:
    async with live_server(TALKS) as server, resumable(server) as client:
        line = 'Say this, and nothing else: "Are you still there?"'
        assert await client.text(line) == said("Are you still there?")
        await greeted(client)
        aloud = 'The caller hears only what you say aloud. Say it aloud: "Yes, on "Monday"."'
        assert await client.text(aloud) == said('Yes, on "Monday".')
        assert await answer_to(client) == said(QUESTION)


@virtual_time
async def test_a_rule_for_such_a_text_goes_first() -> None:
    text = 'Say this, and nothing else: "Hello?"'
    yaml = f"model: [{{on: caller_done, heard: '{text}', say: No.}}]"
    async with live_server(yaml) as server, resumable(server) as client:
        assert await client.text(text) == said("No.")


@virtual_time
async def test_what_the_model_has_said_by_its_history_it_does_not_say_again() -> None:
    async with live_server(TALKS) as server, resumable(server) as client:
        await client.content(("model", GREETING), ("user", "hello"), ("model", QUESTION))
        assert await answer_to(client) == said("Until Monday, then.")
        record = server.records[0]
        assert list(record.turns) == [
            {"role": "model", "text": GREETING},
            {"role": "user", "text": "hello"},
            {"role": "model", "text": QUESTION},
        ]


@virtual_time
async def test_after_a_history_the_model_goes_on_with_what_it_said_in_part() -> None:
    async with live_server(TALKS) as server, resumable(server) as client:
        heard = "For which day would"
        await client.content(
            ("model", GREETING),
            ("user", "hello"),
            ("model", heard),
            ("user", HEARD_UP_TO.format(heard)),
            complete=True,
        )
        await client.next("turnComplete")
        assert client.spoken() == said("you like the appointment, Monday or Tuesday?")
        assert await answer_to(client) == said("Until Monday, then.")


@virtual_time
async def test_an_answer_in_several_turns_of_the_history_is_one_answer() -> None:
    async with live_server(TALKS) as server, resumable(server) as client:
        turns = [("model", GREETING), ("model", "For which day"), ("model", "would you like the")]
        await client.content(*turns)
        rest = await client.text(HEARD_UP_TO.format("would you like the"))
        assert rest == said("appointment, Monday or Tuesday?")


@virtual_time
async def test_a_history_that_is_cut_to_what_was_heard_leaves_the_rest_unsaid() -> None:
    async with live_server(TALKS) as server, resumable(server) as client:
        await client.content(("model", "Good morning"), ("user", "hello"))
        assert await answer_to(client) == said(QUESTION)


@virtual_time
async def test_a_caller_without_an_answer_in_the_history_is_answered() -> None:
    async with live_server(TALKS) as server, resumable(server) as client:
        await client.content(("model", GREETING), ("user", "hello"))
        assert await client.text(AGAIN) == said(QUESTION)


@virtual_time
async def test_words_of_no_rule_in_the_history_use_up_no_rule() -> None:
    yaml = "model: [{on: start, say: Hello.}, {on: caller_done, say: On Monday we are closed.}]"
    async with live_server(yaml) as server, resumable(server) as client:
        await client.content(("model", "Hello."), ("user", "hello"), ("model", NEUTRAL))
        assert await answer_to(client) == said("On Monday we are closed.")


@virtual_time
async def test_the_first_content_is_history_only_where_the_setup_says_so() -> None:
    fields = {"historyConfig": {"initialHistoryInClientContent": True}}
    async with live_server(TALKS) as server, resumable(server, **fields) as client:
        await client.content(("model", GREETING), ("user", "hello"), complete=True)
        await client.audio(bytes(32_000))
        assert client.spoken() == b""
        await client.content(("user", "good morning"), complete=True)
        await client.next("turnComplete")
        assert client.spoken() == said(QUESTION)


@virtual_time
async def test_turns_of_the_user_before_the_cue_do_not_take_its_place() -> None:
    async with live_server(TALKS) as server, resumable(server) as client:
        await client.content(("user", "The caller's name is Ann."))
        await greeted(client)
        assert client.spoken() == said(GREETING)


QUOTED = """For context: below is a transcript of the conversation.
[root] said:
<<<BEGIN_QUOTED_AGENT_CONTENT>>>
Good morning, this is the dental practice of Riverside.
<<<END_QUOTED_AGENT_CONTENT>>>
I have a question about my bill
[root] `transfer_to_agent` tool returned result: None"""


@virtual_time
async def test_an_agent_that_is_told_what_another_one_said_does_not_greet_with_its_words() -> None:
    yaml = f"""
    model:
      - {{on: start, say: "{GREETING}"}}
      - {{on: caller_done, call: {{transfer_to_agent: {{}}}}}}
      - {{on: start, say: This is the accounting.}}
      - {{on: caller_done, say: It was paid.}}
    """
    async with live_server(yaml) as server, resumable(server) as client:
        await client.content(("user", QUOTED), complete=True)
        await client.next("turnComplete")
        assert client.spoken() == said("This is the accounting.")
        assert await answer_to(client) == said("It was paid.")


@virtual_time
async def test_an_agent_without_first_words_of_its_own_answers_the_caller() -> None:
    yaml = f"""
    model:
      - {{on: start, say: "{GREETING}"}}
      - {{on: caller_done, call: {{transfer_to_agent: {{}}}}}}
      - {{on: caller_done, say: It was paid.}}
    """
    async with live_server(yaml) as server, resumable(server) as client:
        await client.content(("user", QUOTED), complete=True)
        await client.next("turnComplete")
        assert client.spoken() == said("It was paid.")
