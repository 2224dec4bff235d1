"""``voiceagent new DIR``: a project of one's own, made of a ready agent and the tools that it imports.

Its rule: all or nothing. The project is made beside its place and renamed into it when it is complete.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

from voiceagent import __version__
from voiceagent.cli import CommandError
from voiceagent.cli.ready import ReadyAgent, agents_in, bundled_agents

_SKELETON = Path(__file__).with_name("skeleton")
_WHEEL = f"voiceagent-{__version__}-py3-none-any.whl"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.db", ".adk")


@dataclass(frozen=True)
class Setting:
    """A variable that ready agents and their tools read.

    Attributes:
        meaning: What it is for.
        example: A value.
        in_image: Its value in the image that the Dockerfile makes; None leaves it to who runs that.
    """

    meaning: str
    example: str
    in_image: str | None = None


SETTINGS = {
    "VOICEAGENT_DATABASE_URL": Setting(
        "Where the agent keeps its data. PostgreSQL: postgresql+asyncpg://user:password@host/name, with the"
        " extra 'postgres' of voiceagent.",
        "sqlite+aiosqlite:///voiceagent.db",
        "sqlite+aiosqlite:////data/voiceagent.db",
    ),
    "VOICEAGENT_VOICEMAIL_FOLDER": Setting(
        "Where recorded messages are kept.", "voicemail", in_image="/data/voicemail"
    ),
    "VOICEAGENT_SMTP_URL": Setting(
        "Mail server for messages, also smtp://user:password@host:587 or smtps://. Without it they wait.",
        "smtp://127.0.0.1:2525",
    ),
    "VOICEAGENT_MAIL_FROM": Setting("Who e-mail comes from.", "agent@example.com"),
    "VOICEAGENT_MAIL_TO": Setting("Who gets e-mail that is for the business.", "office@example.com"),
    "VOICEAGENT_WEBHOOK_URL": Setting(
        "Where messages are posted as JSON. Without it they wait.", "https://example.com/calls"
    ),
    "VOICEAGENT_WEBHOOK_SECRET": Setting(
        "Signs what is posted, so that the receiver can check who sent it.", ""
    ),
}
"""By name."""


def run_new(folder: Path, template: str) -> None:
    """Make the project and print what to do next."""
    place = folder.resolve()
    agent = _find(template)
    project = Project(_checked_name(place, folder), agent)
    _make(project, place)
    print(f"{folder} is a project of its own now, with the agent {agent.name!r}. Try it:\n")
    print(f"  cd {folder}\n  pytest\n  voiceagent demo {agent.name}\n")
    print("README.md says what else there is.")
    if not (place / "wheels" / _WHEEL).exists():
        print("To install it on another machine it needs voiceagent's wheel; wheels/README.md says how.")


def templates() -> list[ReadyAgent]:
    """What a project can begin with; the default first."""
    return [*agents_in(_SKELETON), *bundled_agents()]


def _find(template: str) -> ReadyAgent:
    found = {agent.name: agent for agent in templates()}
    if template not in found:
        raise CommandError(f"there is no template {template!r}; there is {', '.join(found)}")
    return found[template]


def _checked_name(place: Path, given: Path) -> str:
    """The project's name, once it is certain that the project can be made there."""
    if not _NAME.fullmatch(place.name):
        raise CommandError(
            f"{place.name!r} cannot be a project's name: use letters, digits, '-', '_' and '.',"
            " with a letter or digit at both ends"
        )
    if place == Path.cwd():
        raise CommandError("this is the current folder: name a new one, such as 'voiceagent new my-agent'")
    if place.exists():
        if not place.is_dir():
            raise CommandError(f"{given} is a file; nothing was changed")
        if any(place.iterdir()):
            raise CommandError(f"{given} exists and is not empty; nothing was changed")
    elif not place.parent.is_dir():
        raise CommandError(f"there is no folder {given.parent} to make {place.name} in")
    return place.name


def _make(project: Project, place: Path) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as beside:
            half = Path(beside) / place.name
            project.write(half)
            # Onto an empty folder this works; onto one that somebody has filled meanwhile it fails.
            os.rename(half, place)
    except OSError as error:
        raise CommandError(f"the project cannot be made: {error.strerror}: {error.filename}") from None


@dataclass(frozen=True)
class Project:
    """A project to be written.

    Attributes:
        name: Of the project.
        agent: The template.
    """

    name: str
    agent: ReadyAgent

    def write(self, folder: Path) -> None:
        """Write all of it into a new folder."""
        sources = [path.relative_to(self.agent.home) for path in modules_of(self.agent)]
        for source in sources:
            _copy(self.agent.home / source, folder / source)
            _copy_packages_above(self.agent.home, source, folder)
        words = self._words(folder)
        skeleton = _SKELETON / "project"
        pages = {page: page.relative_to(skeleton).with_suffix("") for page in sorted(skeleton.rglob("*.in"))}
        test = "call_with_data" if (self.agent.folder / "demo.py").is_file() else "call"
        pages[_SKELETON / "tests" / f"{test}.py.in"] = Path("tests/test_agent.py")
        for page, name in pages.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            filled = _filled(page.read_text(encoding="utf-8"), words)
            (folder / name).write_text(filled, encoding="utf-8")
        if (wheel := _installed_wheel()) is not None:
            shutil.copy(wheel, folder / "wheels")

    def _words(self, folder: Path) -> dict[str, str]:
        """What stands for the ``{{names}}`` in the skeleton."""
        tools = sorted(path.stem for path in (folder / "tools").glob("[!_.]*"))
        extras = ["data"] if tools else []
        settings = settings_read_in(folder)
        return {
            "project": self.name,
            "agent": self.agent.name,
            "summary": self.agent.summary,
            # A string of TOML may be written as one of JSON.
            "description": json.dumps(self.agent.summary, ensure_ascii=False),
            "version": __version__,
            "wheel": _WHEEL,
            "extras": f"[{','.join(extras)}]" if extras else "",
            "test_extras": f"[{','.join([*extras, 'testing'])}]",
            "tools": f"The tools it calls are in `tools/`: {', '.join(tools)}.\n" if tools else "",
            "copies": "\n".join(
                f"COPY {name}/ {name}/" for name in ("agents", "tools") if (folder / name).is_dir()
            ),
            "settings": _settings_in_words(settings),
            "container": "".join(
                f"ENV {name}={place}\n" for name in settings if (place := SETTINGS[name].in_image)
            ),
        }


def modules_of(agent: ReadyAgent) -> list[Path]:
    """What an agent needs of ``agents`` and ``tools``: its own package, and what that imports."""
    needed = [agent.folder]
    for place in needed:
        for found in _imported_from(place, agent.home):
            if found not in needed:
                needed.append(found)
    return needed


def _imported_from(place: Path, home: Path) -> Iterator[Path]:
    """The packages and modules in ``agents`` and ``tools`` that the code in ``place`` imports."""
    for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                top, *rest = name.split(".")
                if top not in ("agents", "tools") or not rest:
                    continue
                for found in (home / top / rest[0], home / top / f"{rest[0]}.py"):
                    if found.exists():
                        yield found


def settings_read_in(folder: Path) -> list[str]:
    """The settings that the code in a project reads, in the order of :data:`SETTINGS`.

    Raises:
        KeyError: it reads one that is not described there.
    """
    found = set()
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            # Not those that a docstring speaks of: a setting is a string of its own.
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"\AVOICEAGENT_[A-Z_]+\Z", node.value))
    if unknown := found - set(SETTINGS):
        raise KeyError(f"{', '.join(sorted(unknown))}: what is it for? Say so in SETTINGS")
    return [name for name in SETTINGS if name in found]


def _settings_in_words(names: list[str]) -> str:
    return "".join(f"\n# {SETTINGS[name].meaning}\n# {name}={SETTINGS[name].example}\n" for name in names)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=_LEFT_OUT)
    else:
        shutil.copyfile(source, target)


def _copy_packages_above(home: Path, source: Path, folder: Path) -> None:
    """Make ``agents`` and ``tools`` packages, as they are at home."""
    for package in source.parents:
        if (home / package / "__init__.py").is_file() and not (folder / package / "__init__.py").exists():
            shutil.copyfile(home / package / "__init__.py", folder / package / "__init__.py")


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda name: words[name[1]], text).rstrip("\n") + "\n"


def _installed_wheel() -> Path | None:
    """The wheel file that voiceagent was installed from (PEP 610), if it is still there."""
    try:
        origin = distribution("voiceagent").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    url = urlsplit(json.loads(origin)["url"]) if origin else None
    if url is None or url.scheme != "file":
        return None
    path = Path(unquote(url.path))
    return path if path.name == _WHEEL and path.is_file() else None
