"""The ready agents: where they are, what they are called, and what each does, in one line.

They are folders in ``agents/``, of the project that the command is run in, and of voiceagent itself. Nothing
of them is imported to list them.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

from voiceagent.agent import VoiceAgent
from voiceagent.cli import CommandError
from voiceagent.cli.loading import load

_PACKAGE = Path(__file__).parents[1]

BUNDLED = _PACKAGE / "_templates" if (_PACKAGE / "_templates").is_dir() else _PACKAGE.parent
"""The folder with ``agents`` and ``tools``: inside the installed package, or the source checkout."""


@dataclass(frozen=True)
class ReadyAgent:
    """A folder in ``agents/`` with an agent and the call that shows it.

    Attributes:
        home: The folder that has ``agents`` in it.
        name: Of the agent's folder.
    """

    home: Path
    name: str

    @property
    def folder(self) -> Path:
        """The agent's own folder."""
        return self.home / "agents" / self.name

    @property
    def scenario(self) -> Path:
        """The call that shows it."""
        return self.folder / "scenario.yaml"

    @property
    def summary(self) -> str:
        """What it does: the first line of its class, and where that has none, of its package.

        Raises:
            CommandError: it is not valid Python.
        """
        package, module = self._parsed("__init__.py"), self._parsed("agent.py")
        names = {
            node.value.id
            for node in package.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Name)
            and any(isinstance(target, ast.Name) and target.id == "agent" for target in node.targets)
        }
        body = (*package.body, *module.body)
        classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name in names]
        texts = [ast.get_docstring(definition) for definition in classes]
        text = next(filter(None, [*texts, ast.get_docstring(package)]), "")
        return " ".join(text.partition("\n\n")[0].split())

    def _parsed(self, name: str) -> ast.Module:
        """One of its files; an agent may be in a single one."""
        file = self.folder / name
        try:
            return ast.parse(file.read_text(encoding="utf-8") if file.exists() else "")
        except SyntaxError as error:
            raise CommandError(f"{file}, line {error.lineno}: {error.msg}") from None

    def load(self) -> type[VoiceAgent]:
        """Import it; its own folder of ``agents`` and ``tools`` comes before any other.

        Raises:
            CommandError: it cannot be imported, or has no agent called ``agent``.
        """
        sys.path.insert(0, str(self.home))
        package = load(f"agents.{self.name}")
        agent = getattr(package, "agent", None)
        if not (isinstance(agent, type) and issubclass(agent, VoiceAgent)):
            raise CommandError(f"{self.folder / '__init__.py'} has no class of an agent called 'agent'")
        return agent


def agents_in(home: Path) -> list[ReadyAgent]:
    """The agents of a folder, by name."""
    names = sorted(file.parent.name for file in (home / "agents").glob("*/scenario.yaml"))
    return [ReadyAgent(home, name) for name in names]


def bundled_agents() -> list[ReadyAgent]:
    """The agents that come with voiceagent."""
    return agents_in(BUNDLED)


def agents_here() -> list[ReadyAgent]:
    """The agents of the project that the command is run in, or those of voiceagent where it is none."""
    return agents_in(Path.cwd()) or bundled_agents()
