"""Client and exchange agree, whatever happens in whatever order."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.call.state_machine.figures import Figures
from tests.call.state_machine.machine import Telephony
from voiceagent.call import ActiveCall, CallEvent, CallState, EndReason

EXAMPLES_VARIABLE = "VOICEAGENT_STATE_MACHINE_EXAMPLES"
"""How many random sequences are played. Without it, a few are, and always the same."""

EXAMPLES = int(os.getenv(EXAMPLES_VARIABLE, "0"))

ALWAYS_THE_SAME = settings(
    max_examples=300,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)

NEW_EACH_TIME = settings(
    ALWAYS_THE_SAME,
    # A change is judged by sequences that its last run had, too. New ones are for whoever looks for defects.
    derandomize="CI" in os.environ,
    max_examples=max(1, EXAMPLES),
)

UNTIL_ONE_FAILS = settings(ALWAYS_THE_SAME, phases=(Phase.generate,), report_multiple_bugs=False)


@pytest.fixture
def figures() -> Iterator[Figures]:
    Telephony.figures = Figures()
    yield Telephony.figures
    _forget_examples()


@pytest.mark.timeout(120 + EXAMPLES)
def test_client_and_exchange_agree_whatever_happens(
    figures: Figures, capsys: pytest.CaptureFixture[str]
) -> None:
    _play(NEW_EACH_TIME if EXAMPLES else ALWAYS_THE_SAME)
    if EXAMPLES:
        with capsys.disabled():
            print(f"\n{figures}")
    assert set(figures.reasons) == set(EndReason), "every way to end was tried"
    assert set(figures.events) == set(CallEvent), "everything that may happen did"


def _told_twice(patch: pytest.MonkeyPatch) -> None:
    on = ActiveCall.on

    def twice(call: ActiveCall, event: str, handler: Callable[..., object]) -> None:
        on(call, event, handler)
        on(call, event, handler)

    patch.setattr(ActiveCall, "on", twice)


def _state_stands_still(patch: pytest.MonkeyPatch) -> None:
    def state(call: ActiveCall) -> CallState:
        true: CallState = call._session.state
        return CallState.ANSWERED if true is CallState.CONNECTED else true

    patch.setattr(ActiveCall, "state", property(state))


def _answer_leaves_a_task(patch: pytest.MonkeyPatch) -> None:
    _after(patch, "answer", lambda: asyncio.create_task(asyncio.sleep(1e6), name="forgotten"))


def _answer_leaves_a_socket(patch: pytest.MonkeyPatch) -> None:
    _after(patch, "answer", socket.socket)


def _answer_hangs(patch: pytest.MonkeyPatch) -> None:
    _after(patch, "answer", None)


def _answer_breaks(patch: pytest.MonkeyPatch) -> None:
    _after(patch, "answer", [].pop)


def _after(patch: pytest.MonkeyPatch, command: str, what: Callable[[], object] | None) -> None:
    """Let a command do something else when it is done, or never return."""
    done = getattr(ActiveCall, command)
    left: list[object] = []

    async def then(call: ActiveCall, *args: Any) -> None:
        await done(call, *args)
        if what is None:
            await asyncio.Event().wait()
        else:
            left.append(what())

    patch.setattr(ActiveCall, command, then)


@pytest.mark.parametrize(
    ("break_it", "complaint"),
    [
        (_told_twice, "call.terminated fired 2 times"),
        (_state_stands_still, "ANSWERED at the client|its events told|now ANSWERED"),
        (_answer_leaves_a_task, "a task is left: .*forgotten"),
        (_answer_leaves_a_socket, "a socket is left"),
        (_answer_hangs, "answer.* hangs since|goes on: .*answer"),
        (_answer_breaks, "IndexError"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_client_that_is_broken_is_noticed(
    break_it: Callable[[pytest.MonkeyPatch], None],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    figures: Figures,
) -> None:
    break_it(monkeypatch)
    with pytest.raises(AssertionError, match=complaint):
        _play(UNTIL_ONE_FAILS)


def _play(how: settings) -> None:
    run_state_machine_as_test(_example, settings=how)  # type: ignore[arg-type]  # a function will do


def _example() -> Telephony:
    if Telephony.figures.examples % 50 == 0:
        # Hypothesis lets go of examples only later.
        _forget_examples()
    # What earlier examples left is not this one's business. Frozen, it costs no time when this one looks for
    # its own remains.
    gc.freeze()
    return Telephony()


def _forget_examples() -> None:
    gc.unfreeze()
    with warnings.catch_warnings():
        # An example that failed may have left sockets; the others have looked for them.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
