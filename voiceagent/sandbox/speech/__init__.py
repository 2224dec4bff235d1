"""What the sandbox hears and speaks with, offline: every model comes inside a pip package.

:func:`speak` is the voice, :class:`SpeechDetector` hears that somebody speaks, :class:`Recogniser` hears
which of a few known phrases it was. They need the extra ``voiceagent[sandbox]``.
"""

from voiceagent.sandbox.speech.detector import SpeechDetector, SpeechEvent
from voiceagent.sandbox.speech.languages import is_understood, voice_for
from voiceagent.sandbox.speech.recogniser import Recogniser, Utterance
from voiceagent.sandbox.speech.voice import speak
from voiceagent.sandbox.speech.words import fit, words_of

__all__ = [
    "Recogniser",
    "SpeechDetector",
    "SpeechEvent",
    "Utterance",
    "fit",
    "is_understood",
    "speak",
    "voice_for",
    "words_of",
]
