"""The playout position, reckoned from the server's requests and the clock."""

from __future__ import annotations

import random

from voiceagent.call._playout import Playout

TARGET = 800

RATE = 1000
"""Bytes in a second: easy to count with."""


def answered() -> Playout:
    playout = Playout(RATE)
    playout.opened(0)
    return playout


class Server:
    """The server's side of the reckoning: a jitter buffer that asks for target - buffered - outstanding."""

    def __init__(self, playout: Playout) -> None:
        self.playout = playout
        self.now = 0.0
        self.buffered = 0
        self.outstanding = 0
        self.heard = 0

    def request(self) -> None:
        wanted = TARGET - self.buffered - self.outstanding
        if wanted:
            self.outstanding += wanted
            self.playout.requested(wanted)

    def receive(self, size: int) -> None:
        self.playout.accepted(size)
        self.playout.sent(size, self.now)
        self.buffered += size
        self.outstanding -= size

    def play(self, size: int) -> None:
        self.now += size / RATE
        size = min(size, self.buffered)
        self.buffered -= size
        self.heard += size

    def interrupt(self) -> None:
        self.buffered = 0

    @property
    def position(self) -> tuple[int, int]:
        """What the client thinks that is queued and played."""
        return self.playout.queued, self.playout.played(self.now)


def test_nothing_is_played_before_the_server_asks() -> None:
    playout = answered()
    playout.accepted(100)
    assert (playout.queued, playout.played(9)) == (100, 0)


def test_a_primed_server_asks_for_what_it_has_played() -> None:
    playout = answered()
    server = Server(playout)
    server.request()
    server.receive(300)
    assert server.position == (300, 0)
    server.play(120)
    server.request()
    assert playout.played(server.now) == 120
    server.play(500)
    server.request()
    assert server.position == (300, 300)


def test_silence_in_between_is_not_counted() -> None:
    playout = answered()
    server = Server(playout)
    server.request()
    for _ in range(3):
        server.receive(200)
        server.play(200)
        server.request()
        server.play(1000)
        server.request()
    assert server.position == (600, 600)


def test_a_clear_cuts_the_timeline_at_what_was_played() -> None:
    playout = answered()
    server = Server(playout)
    server.request()
    server.receive(500)
    server.play(120)
    server.request()
    playout.accepted(900)  # queued here, never sent
    playout.cleared(server.now)
    assert server.position == (120, 120)


def test_what_the_server_dropped_does_not_count_as_played_when_it_asks_again() -> None:
    playout = answered()
    server = Server(playout)
    server.request()
    server.receive(500)
    server.play(120)
    server.request()
    playout.cleared(server.now)
    server.play(40)  # while the interruption is on its way
    server.interrupt()
    server.request()
    assert server.position == (120, 120)
    server.receive(200)
    server.play(80)
    server.request()
    assert server.position == (320, 200)


def test_new_audio_that_leaves_before_the_server_asks_again_is_counted_from_its_own_start() -> None:
    playout = answered()
    server = Server(playout)
    server.request()
    server.receive(500)
    server.play(100)
    server.request()
    playout.cleared(server.now)
    server.interrupt()
    server.receive(300)  # the credit of before is still open
    server.request()
    assert server.position == (400, 100)
    server.play(60)
    server.request()
    assert playout.played(server.now) == 160


def test_it_never_falls_never_passes_the_queue_and_never_runs_ahead_of_the_listener() -> None:
    dice = random.Random(7)
    for _ in range(200):
        playout = answered()
        server = Server(playout)
        server.request()
        heard_of_cleared, before = 0, 0
        for _ in range(300):
            match dice.randrange(5):
                case 0 | 1:
                    server.receive(dice.randrange(server.outstanding + 1))
                case 2 | 3:
                    server.play(dice.randrange(100))
                case 4 if dice.random() < 0.3:
                    heard_of_cleared += server.heard - heard_of_cleared - playout.played(server.now)
                    playout.cleared(server.now)
                    server.interrupt()
            server.request()
            assert before <= playout.played(server.now) <= playout.queued
            assert playout.played(server.now) + heard_of_cleared <= server.heard
            before = playout.played(server.now)
        server.play(TARGET)
        server.request()
        assert playout.played(server.now) == playout.queued
