"""In which languages the sandbox's model speaks, and in which it understands.

It speaks those that there is a voice for, and understands English, since the recogniser has an English
dictionary. In a session of another language it goes by the order of the scenario's rules instead.
"""

from __future__ import annotations

_VOICES = {"en": "en-US", "de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT"}


def voice_for(language: str | None) -> str:
    """The voice of the model in a session of this language (BCP-47); English for one without a voice."""
    return _VOICES.get(_primary(language), _VOICES["en"])


def is_understood(language: str | None) -> bool:
    """Whether words of this language (BCP-47) can be recognised. None stands for English."""
    return _primary(language) == "en"


def _primary(language: str | None) -> str:
    return (language or "en").replace("_", "-").partition("-")[0].lower()
