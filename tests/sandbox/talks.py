"""A conversation that is cut off and goes on: what is said in it, and the texts that ask for the rest."""

from __future__ import annotations

from tests.sandbox.live_client import RESUMPTION, LiveClient
from voiceagent.sandbox.speech import speak

GREETING = "Good morning, this is the dental practice of Riverside."
QUESTION = "For which day would you like the appointment, Monday or Tuesday?"
TALKS = f"""
model:
  - on: start
    say: {GREETING}
  - on: caller_done
    heard: good morning
    say: {QUESTION}
  - on: caller_done
    say: Until Monday, then.
"""
BOOKS = """
model:
  - on: start
    say: Hello.
  - on: caller_done
    say: Let me see.
    call: {book: {day: monday}}
  - on: tool_result
    result: taken
    say: I am sorry, that day is taken.
  - on: tool_result
    say: It is booked for you.
  - on: caller_done
    say: Goodbye.
"""
HEARD_UP_TO = 'The connection broke. The caller heard you up to: "{}" Go on from there: do not repeat it.'
AGAIN = "The caller heard nothing of your answer. Say it again, without a greeting."
NO_ANSWER = "The caller has spoken and heard no answer. Answer now."
RESULT = 'The tool book that you called has this result: {{"result": "{}"}}'
RUNNING = "You have called the tool book and its result is still to come; do not call it again."


def said(text: str) -> bytes:
    return speak(text, sample_rate=24_000)


async def answer_to(client: LiveClient, text: str = "good morning") -> bytes:
    before = len(client.spoken())
    await client.say(text)
    await client.next("turnComplete")
    return client.spoken()[before:]


async def greeted(client: LiveClient) -> None:
    await client.start()
    await client.next("turnComplete")
    await client.next(RESUMPTION)


async def in_mid_answer(client: LiveClient) -> str:
    """Leave a client in the middle of the question; returns the handle from before it."""
    await greeted(client)
    await client.say("good morning")
    await client.next("modelTurn")
    await client.next("modelTurn")
    client.socket.transport.abort()
    return client.handle
