"""The pages of the documentation, and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]

LANGUAGES = {"console", "ini", "json", "python", "text", "toml", "yaml"}
"""What a block may be; another word is a mistake, or needs a rule in ``docs_code.py``."""

DIRECTIVES = {"{eval-rst}", "{include}", "{raw}", "{toctree}"}
"""Sphinx's own that a page may have; none of them shows code."""


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        page: Its file.
        line: Of its first line of code, in the page.
        language: First word after the fence.
        fragment: Whether the fence says ``fragment``: shown out of its place, it cannot run alone.
        code: What is in it.
    """

    page: Path
    line: int
    language: str
    fragment: bool
    code: str

    @property
    def where(self) -> str:
        """Page and line, as editors understand them."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file_name(self) -> str | None:
        """The name in a first line such as ``# reception.py``: the reader is to save the block under it."""
        match = re.match(r"# (\w[\w/]*\.(?:py|yaml))\n", self.code)
        return match[1] if match else None

    @property
    def commands(self) -> list[tuple[str, list[str]]]:
        """The commands of a ``console`` block, after ``$``, and the lines of output shown of each."""
        found: list[tuple[str, list[str]]] = []
        for line in self.code.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                found.append((" ".join(line[2:].split()), []))
            elif found and line.strip(" ."):
                found[-1][1].append(line)
        return found


def pages() -> list[Path]:
    """Every page that a reader gets to see."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in their order; Sphinx's own ``{directives}`` are no code."""
    found = []
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        words = token.info.split()
        assert token.type != "code_block", f"{page.name}: an indented block is not checked: fence it"
        if token.type != "fence":
            continue
        if words and words[0].startswith("{"):
            assert words[0] in DIRECTIVES, f"{page.name}: {words[0]} is none of {sorted(DIRECTIVES)}"
            continue
        assert token.map is not None
        line = token.map[0] + 2
        language = words[0] if words else ""
        assert language in LANGUAGES, f"{page.name}:{line}: {language!r} is none of {sorted(LANGUAGES)}"
        assert set(words[1:]) <= {"fragment"}, f"{page.name}:{line}: what does {words[1:]} mean?"
        found.append(Block(page, line, language, "fragment" in words, token.content))
    return found
