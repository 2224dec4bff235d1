"""What the fuzz targets are fed: hypothesis strategies for bytes, texts and WebSocket frames gone wrong.

Everything drawn is a literal (text, bytes, numbers, tuples), so that a finding can be printed, kept in a
file and replayed. Valid messages are mutated as data and rendered by hand, because what is wanted here is
what no JSON library would write.
"""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st


class _Json(str):
    """A piece of JSON text, or of what looks like it, that is put in as it is."""


def _nested(depth: int, opening: str, closing: str) -> _Json:
    return _Json(opening * depth + "1" + closing * depth)


DEPTHS = (3, 40, 480, 900, 960, 990, 1000, 2000, 100_000)

_ODD: list[Any] = [
    None,
    True,
    False,
    "",
    "x",
    "TELCO",
    [],
    {},
    [1, "2", None],
    {"": {"": []}},
    0,
    -1,
    1,
    1.5,
    24000,
    2**31,
    2**53,
    -(2**63),
    2**63,
    2**64,
    2**200,
    *map(
        _Json,
        (
            "-0.0",
            "1e308",
            "1e999",
            "-1e999",
            "1e-999",
            "NaN",
            "Infinity",
            "-Infinity",
            "nan",
            "0x10",
            "01",
            "1_000",
            "9" * 4000,
            "9" * 5000,
            '"\\ud800"',
            '"\\udfff\\ud800"',
            '"\\u0000"',
            '"\\x41"',
            '"\ud800"',
            '"\x00"',
            '"\\u202e\\r\\n\\u2028"',
            "tru",
            '"',
            "{",
            "]",
            ",",
        ),
    ),
    *("a" * size for size in (300, 5000, 70_000)),
    "é" * 3000,
    *(_nested(depth, "[", "]") for depth in DEPTHS),
    *(_nested(depth, '{"a":', "}") for depth in DEPTHS),
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def odd_values(draw: st.DrawFn) -> Any:
    """A value that hardly any field expects."""
    # By its number: hypothesis describes what it draws from, and these values are long.
    at = draw(st.integers(0, len(_ODD) + 5))
    # A copy, because the next mutation may strike inside of it.
    return copy.deepcopy(_ODD[at]) if at < len(_ODD) else draw(json_values)


def render(value: Any) -> str:
    match value:
        case _Json():
            return str(value)
        case dict():
            return "{" + ",".join(f"{_key(key)}:{render(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ",".join(map(render, value)) + "]"
        case _:
            return json.dumps(value)


def _key(key: str) -> str:
    # A key that stands twice in an object: all spaces are cut off its end.
    return json.dumps(key.rstrip(" "))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in ``value``, with each of its keys."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found.append((value, key))
        found += _places(item)
    return found


@st.composite
def mutated(draw: st.DrawFn, samples: Sequence[dict[str, Any]]) -> str:
    """A valid message with up to three things wrong with it; sometimes with none."""
    message = copy.deepcopy(samples[draw(st.integers(0, len(samples) - 1))])
    for _ in range(draw(st.sampled_from((1, 1, 1, 0, 2, 3)))):
        places = _places(message)
        if not places:
            break
        container, key = places[draw(st.integers(0, len(places) - 1))]
        change = draw(
            st.sampled_from(("alike", "alike", "replace", "replace", "remove", "repeat", "wrap", "add"))
        )
        if change == "replace":
            container[key] = draw(odd_values())
        elif change == "alike":
            container[key] = draw(_alike(container[key]))
        elif change == "remove":
            del container[key]
        elif change == "wrap":
            container[key] = draw(st.sampled_from(([container[key]], {"data": container[key]})))
        elif isinstance(container, dict):
            name = key + " " if change == "repeat" else draw(st.text(max_size=10))
            container[name] = draw(odd_values())
        else:
            container.append(draw(odd_values()))
    return render(message)


def _alike(value: Any) -> st.SearchStrategy[Any]:
    """Another value of the same type, so that the message is decoded, and the trouble begins behind that."""
    match value:
        case bool():
            return st.booleans()
        case int():
            return st.integers() | st.sampled_from(
                (0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**300, 10**4200)
            )
        case str():
            return st.text(max_size=20) | st.sampled_from(
                ("", "\0", "\r\nx-injected: 1", "../..", "é\U0001f600", "a" * 5000, "a" * 70_000)
            )
        case _:
            return json_values


@st.composite
def garbled(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> bytes:
    """The bytes of a text, flipped, cut, doubled or with foreign bytes in them."""
    data = bytearray(draw(texts).encode(errors="surrogatepass"))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(("flip", "cut", "insert", "double"))):
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at:]
            case "insert":
                data[at:at] = draw(
                    st.sampled_from((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\0", b"\xef\xbb\xbf"))
                )
            case _:
                data += data[:at]
    return bytes(data)


@st.composite
def texts(draw: st.DrawFn, samples: Sequence[dict[str, Any]]) -> str:
    """Text messages: mostly mutated ones, and JSON and text of any other kind."""
    match draw(st.integers(0, 11)):
        case 10:
            return render(draw(odd_values()))
        case 11:
            return draw(st.text(max_size=60))
        case _:
            return draw(mutated(samples))


@st.composite
def any_data(draw: st.DrawFn, samples: Sequence[dict[str, Any]]) -> str | bytes:
    """What may come off a socket, as text or as bytes."""
    match draw(st.integers(0, 9)):
        case 7 | 8:
            return draw(garbled(texts(samples)))
        case 9:
            return draw(st.binary(max_size=200))
        case _:
            return draw(texts(samples))


audio_frames = st.one_of(
    st.binary(max_size=8),
    st.builds(
        lambda channel, size: bytes((channel,)) + b"\x01" * size,
        st.sampled_from((0, 0, 0, 1, 2, 3, 255)),
        st.sampled_from((0, 1, 2, 3, 959, 960, 4801, 65_536, (1 << 20) - 2, (1 << 20) - 1, 1 << 20)),
    ),
)
"""Binary frames of the media link: none, odd, foreign and huge ones."""


def frame(
    opcode: int, payload: bytes, *, fin: bool = True, mask: bool = False, announced: int | None = None
) -> bytes:
    """A WebSocket frame (RFC 6455, section 5.2), right or wrong; it claims the length ``announced``."""
    size = len(payload) if announced is None else announced
    bit = 0x80 if mask else 0
    head = bytes((opcode | (0x80 if fin else 0),))
    if size < 126:
        head += bytes((bit | size,))
    elif size < 1 << 16:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    if not mask:
        return head + payload
    # A mask of zeros is legal, and leaves the payload readable in a report.
    return head + bytes(4) + payload


@st.composite
def raw_frames(draw: st.DrawFn, *, mask: bool) -> bytes:
    """A frame gone wrong. ``mask`` is what is right for the sender; now and then it is wrong."""
    payload = draw(
        st.sampled_from((b"", b"{}", b"\xff\xfe", b"\x03\xe8", b"\0\0\0", b"a" * 126, b"a" * 70_000))
    )
    return frame(
        draw(st.sampled_from((0, 1, 2, 3, 7, 8, 9, 10, 11, 15, 0x41, 0x71))),
        payload,
        fin=draw(st.booleans()),
        mask=mask if draw(st.integers(0, 4)) else not mask,
        announced=draw(
            st.sampled_from((None, None, None, 1, 125, 200, 65_535, 1 << 20, 1 << 31, 1 << 62, (1 << 64) - 1))
        ),
    )


def raw_bytes(*, mask: bool) -> st.SearchStrategy[bytes]:
    """One to three frames gone wrong, cut off at any point, or no frames at all."""
    frames = st.lists(raw_frames(mask=mask), min_size=1, max_size=3).map(b"".join)
    cut = st.builds(lambda data, part: data[: max(1, len(data) * part // 8)], frames, st.integers(0, 7))
    return frames | cut | st.binary(min_size=1, max_size=40)
