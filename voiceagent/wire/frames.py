"""Binary frames of the media link: one channel byte, then PCM.

PCM is mono, signed 16-bit little-endian at the sample rate that the control link's ``setup`` named.
"""

from __future__ import annotations

from voiceagent.wire._codec import MAX_MESSAGE_BYTES, WireError

BYTES_PER_SAMPLE = 2
SAMPLE_RATES = (8000, 16000, 24000)
"""The sample rates of a call, in Hz."""

MIXED = 0
"""Channel of the call itself: what all parties say, mixed; and the agent's own channel."""

CALLER = 1
"""Channel of the caller alone, when the control link asked for isolated audio."""

CALLEE = 2
"""Channel of the callee alone, when the control link asked for isolated audio."""


def encode_frame(pcm: bytes | bytearray | memoryview, channel: int = MIXED) -> bytes:
    """A binary frame of ``pcm`` (s16le, whole samples) on ``channel`` (0 to 255)."""
    return bytes((channel,)) + pcm


def decode_frame(frame: bytes) -> tuple[int, memoryview]:
    """The channel and the PCM (a view, not a copy) of a binary frame.

    Raises:
        WireError: the frame has no audio, half a sample, or is over the size limit.
    """
    size = len(frame)
    if size < 1 + BYTES_PER_SAMPLE:
        raise WireError(f"audio frame of {size} bytes carries no sample")
    if size > MAX_MESSAGE_BYTES:
        raise WireError(f"audio frame of {size} bytes is over the limit of {MAX_MESSAGE_BYTES}")
    if (size - 1) % BYTES_PER_SAMPLE:
        raise WireError(f"audio frame of {size - 1} PCM bytes ends in half a sample")
    return frame[0], memoryview(frame)[1:]


def bytes_to_ms(size: int, sample_rate: int) -> float:
    """Milliseconds that ``size`` bytes of mono s16 PCM last at ``sample_rate`` Hz."""
    return size * 1000 / (BYTES_PER_SAMPLE * sample_rate)


def ms_to_bytes(ms: float, sample_rate: int) -> int:
    """Bytes of mono s16 PCM in ``ms`` milliseconds at ``sample_rate`` Hz, in whole samples."""
    return int(ms * sample_rate / 1000) * BYTES_PER_SAMPLE
