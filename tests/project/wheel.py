"""What a wheel of this project contains: ``python tests/project/wheel.py WHEEL`` checks it."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {"voiceagent", "telcoflow_sdk", "agentao_sdk"}
NEEDED = {
    "voiceagent/__init__.py",
    "voiceagent/py.typed",
    "voiceagent/cli/__init__.py",
    "voiceagent/cli/skeleton/project/Dockerfile.in",
    "voiceagent/report/page/page.css",
    "voiceagent/report/page/page.html",
    "voiceagent/report/page/page.js",
    "voiceagent/cli/skeleton/project/.env.example.in",
    "voiceagent/cli/skeleton/project/.gitignore.in",
    "voiceagent/cli/skeleton/agents/reception/scenario.yaml",
    "telcoflow_sdk/__init__.py",
    "agentao_sdk/__init__.py",
}


def templates() -> set[str]:
    """Where the ready agents and tools are in the wheel: code, migrations, scenarios and evaluations."""
    return {
        f"voiceagent/_templates/{path.relative_to(ROOT).as_posix()}"
        for folder in ("agents", "tools")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".py", ".yaml", ".json"}
    }


def faults(wheel: Path) -> list[str]:
    """What is wrong with the wheel's contents, one sentence each; empty if nothing is."""
    with zipfile.ZipFile(wheel) as archive:
        names = {PurePosixPath(name) for name in archive.namelist()}
    top_level = {name.parts[0] for name in names}
    dist_info = {part for part in top_level if part.endswith(".dist-info")}
    found = [f"{part} is installed at top level" for part in sorted(top_level - TOP_LEVEL - dist_info)]
    found += [f"{path} is missing" for path in sorted((NEEDED | templates()) - {str(name) for name in names})]
    found += [
        f"{name} is not a source file of the package"
        for name in sorted(names)
        if name.suffix in {".pyc", ".db", ".wav", ".env"} or name.is_relative_to("voiceagent/dropin")
    ]
    if len(dist_info) != 1:
        found.append(f"one .dist-info folder is expected, not {sorted(dist_info)}")
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/project/wheel.py WHEEL")
    if wrong := faults(Path(sys.argv[1])):
        sys.exit("\n".join(wrong))
    print("wheel: contents as they should be")
