"""What two processes hold after the calls that they did not hold before.

How much more is no leak, and why:

- Tasks and open files: none. They are counted when the processes are quiet, against what they held when they
  were connected and had not had a call.
- Objects of this project, of the tests and of the WebSocket libraries: none, except the exchange's notes of
  closed sessions, of which it keeps 1000 (``MAX_CLOSED_SESSIONS``); the calls and recordings that it keeps
  are forgotten by a reset before it is measured.
- The last message that a link has read: it stays until the next one comes.
- Other objects: 100 of a type. The event loop lets up to 100 cancelled timers lie, each with its context.
- What Python has in use: 1500 blocks, and those of closed sessions. Dictionaries that have grown do not
  shrink; a leak of three objects in each of 500 calls is more.
- What ``malloc`` has given out: 1 MiB, for the same reason; measured are 20 to 60 KiB. A leak of 2.1 KiB in
  each of 500 calls is more, and a second of audio is 47 KiB.
- Resident memory: 16 MiB. All that is free and can be given back is (``malloc_trim``), but pages and arenas
  (of 1 MiB) of which a little is in use stay. That is a measured 5 to 9 MiB after 50 calls at once, of which
  the least is in use, and which the next 2000 calls use again: they add less than 1 MiB to the program.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.soak.conductor import Run, Side

MORE_OBJECTS = 100
MORE_BLOCKS = 1500
MORE_HEAP = 1 << 20
MORE_RSS = 16 << 20

_OURS = ("voiceagent.", "tests.", "telcoflow_sdk.", "agentao_sdk.", "websockets.", "aiohttp.")
_MESSAGES = ("voiceagent.wire.", "aiohttp._websocket.models.")
_LINKS = 2
_KEPT = "voiceagent.sandbox.exchange.session.ClosedSession"
_MOST_KEPT = 1000
_BLOCKS_OF_KEPT = 8

_RUNNING = 2
"""Tasks of a process that does nothing: the main one, and the one that samples its memory."""


def leftovers(run: Run) -> Iterator[str]:
    """What is left, one text for each thing."""
    for side, name in ((run.exchange, "exchange"), (run.program, "program")):
        yield from _of_side(side, name)
    closed = run.closed
    if closed.tasks > _RUNNING:
        yield f"the client is closed, and {closed.tasks - _RUNNING} tasks are left: {', '.join(closed.names)}"
    if closed.files >= run.program.idle.files:
        yield f"the clients are closed, and {closed.files} files are open, not less than before"


def _of_side(side: Side, name: str) -> Iterator[str]:
    idle, before, after = side.idle, side.before, side.after
    if before.tasks > idle.tasks:
        yield f"the {name} was not quiet after the warm-up: it had {', '.join(before.names)}"
    if after.tasks > idle.tasks:
        yield f"the {name} has {after.tasks} tasks, not {idle.tasks}: {', '.join(after.names)}"
    if after.files > idle.files:
        yield f"the {name} has {after.files} open files, not {idle.files}"
    if after.threads > before.threads:
        yield f"the {name} has {after.threads} threads, not {before.threads}"
    for kind, count in sorted(after.objects.items(), key=lambda item: (not item[0].startswith(_OURS), item)):
        more = count - before.objects.get(kind, 0)
        if more > _allowed(kind, count):
            yield f"the {name} has {more} more objects of {kind} than before"
    if (more := after.blocks - before.blocks) > MORE_BLOCKS + _BLOCKS_OF_KEPT * _kept(side):
        yield f"the {name} has {more} more blocks of Python's memory in use than before"
    if (more := after.heap - before.heap) > MORE_HEAP:
        yield f"the {name} has {more / (1 << 10):.0f} KiB more of malloc's memory in use than before"
    if (more := after.rss - before.rss) > MORE_RSS:
        yield f"the {name} has {more / (1 << 20):.1f} MiB more resident memory than before"


def _allowed(kind: str, count: int) -> int:
    if kind == _KEPT:
        return count if count <= _MOST_KEPT else 0
    if kind.startswith(_MESSAGES):
        return _LINKS
    return 0 if kind.startswith(_OURS) else MORE_OBJECTS


def _kept(side: Side) -> int:
    return side.after.objects.get(_KEPT, 0) - side.before.objects.get(_KEPT, 0)
