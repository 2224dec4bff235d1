"""What a caller hears while they wait for a slow tool: one short line, and only where nobody speaks."""

from __future__ import annotations

import json

from tests.bridge.desk import (
    BOOK,
    BOOKED,
    MOMENT,
    OLDER,
    Desk,
    heard_at,
    scenario,
    texts_after_the_greeting,
)
from tests.phone import Phone, loud_ms, phone_system
from tests.virtual_time import virtual_time
from voiceagent import tool
from voiceagent.report import BargeIn
from voiceagent.sandbox.exchange.call import ExchangeCall


class Filling(Desk):
    @tool(filler={"en": MOMENT, "de": "Einen Moment, bitte."})
    async def book(self, day: str) -> str:
        """Book a day."""
        return await self.work(day)

    @tool(filler=MOMENT)
    async def look_up(self) -> str:
        """Look it up."""
        return await self.work("look-up")


@virtual_time
async def test_a_caller_who_waits_for_a_slow_tool_hears_one_filler() -> None:
    async with phone_system(Filling(), scenario(BOOK, BOOKED)) as phone:
        call, _ = await phone.call()
        (told,) = texts_after_the_greeting(phone)
        filler, booked = heard_at(call, MOMENT), heard_at(call, BOOKED["say"])
    assert MOMENT in told
    assert filler is not None
    assert booked is not None
    assert filler < booked


@virtual_time
async def test_the_filler_of_a_quick_tool_is_never_heard() -> None:
    agent = Filling()
    agent.seconds = 1.0
    async with phone_system(agent, scenario(BOOK, BOOKED)) as phone:
        call, _ = await phone.call()
        assert texts_after_the_greeting(phone) == []
        assert heard_at(call, BOOKED["say"]) is not None


@virtual_time
async def test_a_filler_waits_until_nobody_has_spoken_for_a_while() -> None:
    agent = Filling()
    agent.seconds = 12.0
    story = "Let me see. We have a few days left this week, and many more in the week after it."
    async with phone_system(agent, scenario({**BOOK, "say": story}, BOOKED)) as phone:
        call, _ = await phone.call()
        said, filler = heard_at(call, story), heard_at(call, MOMENT)
        assert phone.seen(BargeIn) == []
        starts = [start for start, _ in loud(call)]
    assert said is not None
    assert filler is not None
    before = [start for start in starts if start <= filler]
    silence = before[-1] - max(end for _, end in loud(call) if end <= before[-1])
    assert 1400 <= silence <= 3000


@virtual_time
async def test_two_slow_tools_have_one_filler_between_them() -> None:
    both = {"on": "caller_done", "call": [{"book": {"day": "monday"}}, {"look_up": {}}]}
    async with phone_system(Filling(), scenario(both, BOOKED)) as phone:
        await phone.call()
        assert len(texts_after_the_greeting(phone)) == 1


@virtual_time
async def test_a_filler_is_in_the_language_of_the_call() -> None:
    agent = Filling()
    agent.language = "de-DE"
    async with phone_system(agent, scenario(BOOK, BOOKED)) as phone:
        await phone.call()
        (told,) = texts_after_the_greeting(phone)
    assert "Einen Moment, bitte." in told


@virtual_time
async def test_a_model_that_waits_for_its_tools_is_asked_to_say_the_filler_before() -> None:
    agent = Filling()
    agent.model = OLDER
    async with phone_system(agent, scenario(BOOK, BOOKED)) as phone:
        call, _ = await phone.call()
        assert heard_at(call, BOOKED["say"]) is not None
        assert texts_after_the_greeting(phone) == [], "it would be heard after the result"
        described = json.dumps(phone.live.records[0].setup["tools"])
    assert described.count(MOMENT) == 2


def loud(call: ExchangeCall) -> list[tuple[int, int]]:
    leg = call.leg("caller")
    return loud_ms(leg.heard(), leg.sample_rate)


class Waiting(Filling):
    @tool(filler=MOMENT, blocking=True)
    async def look_up(self) -> str:
        """Look it up."""
        return await self.work("look-up")


LOOK_UP = {"on": "caller_done", "call": {"look_up": {}}}


def behavior(phone: Phone, name: str) -> object:
    declared = phone.live.records[0].setup["tools"][0]["functionDeclarations"]
    return next(function for function in declared if function["name"] == name).get("behavior")


@virtual_time
async def test_a_tool_that_the_model_waits_for_has_no_filler_of_its_own() -> None:
    async with phone_system(Waiting(), scenario(LOOK_UP, BOOKED)) as phone:
        call, _ = await phone.call()
        assert heard_at(call, BOOKED["say"]) is not None
        assert texts_after_the_greeting(phone) == []
        assert (behavior(phone, "look_up"), behavior(phone, "book")) == ("BLOCKING", None)


class Talking(Desk):
    model = OLDER

    @tool(filler=MOMENT, blocking=False)
    async def look_up(self) -> str:
        """Look it up."""
        return await self.work("look-up")


@virtual_time
async def test_an_older_model_that_need_not_wait_says_the_filler_while_the_tool_runs() -> None:
    async with phone_system(Talking(), scenario(LOOK_UP, BOOKED)) as phone:
        call, _ = await phone.call()
        filler, booked = heard_at(call, MOMENT), heard_at(call, BOOKED["say"])
        assert behavior(phone, "look_up") == "NON_BLOCKING"
    assert filler is not None
    assert booked is not None
    assert filler < booked


@virtual_time
async def test_no_filler_is_heard_while_the_caller_speaks() -> None:
    agent = Filling()
    agent.seconds = 15.0
    script = [
        {"wait": "agent_done"},
        {"say": "please book a day for me"},
        {"wait": 0.7},
        {"say": "and while you are at it, I would like to know whether it will rain on that day"},
        {"wait": 20},
        "hangup",
    ]
    answer = {"on": "caller_done", "say": "I do not know."}
    async with phone_system(agent, scenario(BOOK, answer, BOOKED, script=script)) as phone:
        call, _ = await phone.call()
        assert phone.seen(BargeIn) == []
        answered_at, filler = heard_at(call, answer["say"]), heard_at(call, MOMENT)
    assert answered_at is not None
    assert filler is not None
    assert answered_at < filler
