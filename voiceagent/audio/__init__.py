"""Audio building blocks: rate conversion, recording to disk, and hearing when somebody speaks.

PCM is mono, signed 16-bit little-endian, in ``bytes``, at a rate that the object is told once.
"""

from voiceagent.audio.dtmf import DtmfDetector
from voiceagent.audio.resample import Resampler
from voiceagent.audio.speech import SpeechMeter
from voiceagent.audio.wav import StereoWavWriter

__all__ = ["DtmfDetector", "Resampler", "SpeechMeter", "StereoWavWriter"]
