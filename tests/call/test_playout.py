"""The playout position, reckoned from the server's requests."""

from __future__ import annotations

import random

from voiceagent.call._playout import Playout

TARGET = 800


class Server:
    """The server's side of the reckoning: a jitter buffer that asks for target - buffered - outstanding."""

    def __init__(self, playout: Playout) -> None:
        self.playout = playout
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
        self.playout.sent(size)
        self.buffered += size
        self.outstanding -= size

    def play(self, size: int) -> None:
        size = min(size, self.buffered)
        self.buffered -= size
        self.heard += size

    def interrupt(self) -> None:
        self.buffered = 0


def test_nothing_is_played_before_the_server_asks() -> None:
    playout = Playout()
    playout.accepted(100)
    assert (playout.queued, playout.played) == (100, 0)


def test_a_primed_server_asks_for_what_it_has_played() -> None:
    playout = Playout()
    server = Server(playout)
    server.request()
    server.receive(300)
    assert (playout.queued, playout.played) == (300, 0)
    server.play(120)
    server.request()
    assert playout.played == 120
    server.play(500)
    server.request()
    assert (playout.queued, playout.played) == (300, 300)


def test_silence_in_between_is_not_counted() -> None:
    playout = Playout()
    server = Server(playout)
    server.request()
    for _ in range(3):
        server.receive(200)
        server.play(200)
        server.request()
        server.play(1000)
        server.request()
    assert (playout.queued, playout.played) == (600, 600)


def test_a_clear_cuts_the_timeline_at_what_was_played() -> None:
    playout = Playout()
    server = Server(playout)
    server.request()
    server.receive(500)
    server.play(120)
    server.request()
    playout.accepted(900)  # queued here, never sent
    playout.cleared()
    assert (playout.queued, playout.played) == (120, 120)


def test_what_the_server_dropped_does_not_count_as_played_when_it_asks_again() -> None:
    playout = Playout()
    server = Server(playout)
    server.request()
    server.receive(500)
    server.play(120)
    server.request()
    playout.cleared()
    server.play(40)  # while the interruption is on its way
    server.interrupt()
    server.request()
    assert (playout.queued, playout.played) == (120, 120)
    server.receive(200)
    server.play(80)
    server.request()
    assert (playout.queued, playout.played) == (320, 200)


def test_new_audio_that_leaves_before_the_server_asks_again_is_counted_from_its_own_start() -> None:
    playout = Playout()
    server = Server(playout)
    server.request()
    server.receive(500)
    server.play(100)
    server.request()
    playout.cleared()
    server.interrupt()
    server.receive(300)  # the credit of before is still open
    server.request()
    assert (playout.queued, playout.played) == (400, 100)
    server.play(60)
    server.request()
    assert playout.played == 160


def test_it_never_falls_never_passes_the_queue_and_never_runs_ahead_of_the_listener() -> None:
    dice = random.Random(7)
    for _ in range(200):
        playout = Playout()
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
                    heard_of_cleared += server.heard - heard_of_cleared - playout.played
                    playout.cleared()
                    server.interrupt()
            server.request()
            assert before <= playout.played <= playout.queued
            assert playout.played + heard_of_cleared <= server.heard
            before = playout.played
        server.play(TARGET)
        server.request()
        assert playout.played == playout.queued
