"""The pages of the documentation, and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]

LANGUAGES = {"console", "ini", "json", "python", "text", "yaml"}
"""What a block may be; another word is a mistake, or needs a rule in ``docs_code.py``."""


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
        match = re.match(r"# (\w+\.(?:py|yaml))\n", self.code)
        return match[1] if match else None

    @property
    def commands(self) -> list[str]:
        """The commands of a ``console`` block: what stands after ``$``, with its continuation lines."""
        joined = self.code.replace("\\\n", " ")
        return [" ".join(line[2:].split()) for line in joined.splitlines() if line.startswith("$ ")]


def pages() -> list[Path]:
    """Every page that a reader gets to see."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in their order; Sphinx's own ``{directives}`` are no code."""
    found = []
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        words = token.info.split()
        if token.type != "fence" or (words and words[0].startswith("{")):
            continue
        assert token.map is not None
        line = token.map[0] + 2
        language = words[0] if words else ""
        assert language in LANGUAGES, f"{page.name}:{line}: {language!r} is none of {sorted(LANGUAGES)}"
        assert set(words[1:]) <= {"fragment"}, f"{page.name}:{line}: what does {words[1:]} mean?"
        found.append(Block(page, line, language, "fragment" in words, token.content))
    return found
