"""Imports the user's own code for a command; what is wrong with it is one line that says where."""

from __future__ import annotations

import importlib
import sys
import traceback
from types import ModuleType

from voiceagent.agent import VoiceAgent
from voiceagent.cli import CommandError


def find_agent(name: str) -> VoiceAgent | type[VoiceAgent]:
    """The agent, or its class, that ``MODULE:AGENT`` names; modules of the current folder come first.

    Raises:
        CommandError: there is no such module or agent.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or module_name.startswith(".") or not attribute:
        raise CommandError(f"{name!r} is not MODULE:AGENT, such as my_agent:Reception")
    sys.path.insert(0, "")
    module = load(module_name)
    agent = getattr(module, attribute, None)
    if isinstance(agent, VoiceAgent) or (isinstance(agent, type) and issubclass(agent, VoiceAgent)):
        return agent
    if agent is None:
        raise CommandError(f"module {module_name!r} has no {attribute!r}")
    raise CommandError(f"{name} is no VoiceAgent, but a {type(agent).__name__}")


def load(module_name: str) -> ModuleType:
    """Import a module of the user's.

    Raises:
        CommandError: it cannot be imported; the text says why, and on which line of whose code.
    """
    try:
        return importlib.import_module(module_name)
    except Exception as error:
        raise CommandError(_why_not_imported(module_name, error)) from None


def _why_not_imported(module_name: str, error: Exception) -> str:
    """What is wrong, and on which line of whose code."""
    if "/" in module_name or module_name.endswith(".py"):
        return f"{module_name!r} is a file: name the module, such as {_module_of(module_name)}:Agent"
    where = ""
    if isinstance(error, SyntaxError):
        where = f" ({error.filename}, line {error.lineno})"
    elif frames := [
        frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename
    ][1:]:
        where = f" ({frames[-1].filename}, line {frames[-1].lineno})"
    reason = error.msg if isinstance(error, SyntaxError) else error
    return f"cannot import {module_name!r}: {type(error).__name__}: {reason}{where}"


def _module_of(path: str) -> str:
    return path.removeprefix("./").removesuffix(".py").replace("/", ".")
