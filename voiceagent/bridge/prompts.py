"""What the bridge says to the model of its own accord, in words that a model follows.

Its rule: the caller hears only what the model says aloud, so each prompt says exactly what is to be heard.
The texts are English whatever the conversation's language is; the model is asked to say a quoted line in the
language that it speaks with the caller.
"""

from __future__ import annotations

_GO_ON = "Go on from there"

_HEARD_WORDS = 16
"""So many of the last words that were heard tell a model where it was."""


def say(line: str) -> str:
    """Say a line and nothing else."""
    return f'Say this to the caller in the language you speak with them, and nothing else: "{line}"'


def say_aloud(text: str) -> str:
    """Say what was written where speech was asked for."""
    return f'The caller hears only what you say aloud, and nothing that you write. Say it aloud: "{text}"'


def answer_now() -> str:
    """Answer what the caller has said."""
    return "The caller has spoken and heard no answer. Answer now; if you did not understand, ask again."


def say_again() -> str:
    """Say an answer again that came as silence."""
    return "The caller heard nothing of your answer. Say it again."


def go_on_after_break(heard: str) -> str:
    """Go on with an answer that a broken connection cut off."""
    return f"The connection broke while you were speaking. {_from_there(heard)}"


def go_on_after_noise(heard: str) -> str:
    """Go on with an answer that was taken for interrupted though nobody spoke."""
    return f"Nobody interrupted you; it was a noise on the line. {_from_there(heard)}"


def cut_off(heard: str) -> str:
    """A remark on where the caller interrupted."""
    if not heard:
        return "The caller interrupted you before they heard anything of your answer."
    return f'The caller interrupted you. They heard you up to: "{_tail(heard)}"'


def _from_there(heard: str) -> str:
    if not heard:
        return "The caller heard nothing of your answer. Say it again, without a greeting."
    return f'The caller heard you up to: "{_tail(heard)}" {_GO_ON}: do not repeat it, and do not greet again.'


def may_need_no_answer(text: str) -> bool:
    """Whether a model that has said everything rightly says nothing to a text."""
    return _GO_ON in text


def _tail(text: str) -> str:
    return " ".join(text.replace('"', "'").split()[-_HEARD_WORDS:])
