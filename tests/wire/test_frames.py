"""Audio frames: one channel byte, whole samples."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceagent.wire import MAX_MESSAGE_BYTES, WireError
from voiceagent.wire.frames import SAMPLE_RATES, bytes_to_ms, decode_frame, encode_frame, ms_to_bytes

samples = st.binary(min_size=1, max_size=500).map(lambda half: half + half)


@settings(deadline=None)  # a busy machine is no defect
@given(pcm=samples, channel=st.integers(0, 255))
def test_a_frame_comes_out_as_it_went_in(pcm: bytes, channel: int) -> None:
    for form in (pcm, bytearray(pcm), memoryview(pcm)):
        assert decode_frame(encode_frame(form, channel)) == (channel, pcm)


@settings(deadline=None)  # a busy machine is no defect
@given(frame=st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_wire_error(frame: bytes) -> None:
    try:
        channel, pcm = decode_frame(frame)
    except WireError:
        assert len(frame) < 3 or len(frame) % 2 == 0
    else:
        assert encode_frame(pcm, channel) == frame


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "no sample"),
        (b"\0", "no sample"),
        (b"\0\1", "no sample"),
        (b"\0\1\2\3", "half a sample"),
        (bytes(MAX_MESSAGE_BYTES + 1), "over the limit"),
    ],
    ids=["empty", "channel only", "half a sample only", "odd", "huge"],
)
def test_a_malformed_frame_is_refused_with_the_reason(frame: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        decode_frame(frame)


@settings(deadline=None)  # a busy machine is no defect
@given(ms=st.integers(0, 100_000), rate=st.sampled_from(SAMPLE_RATES))
def test_milliseconds_and_bytes_agree(ms: int, rate: int) -> None:
    size = ms_to_bytes(ms, rate)
    assert size % 2 == 0
    assert bytes_to_ms(size, rate) == ms
