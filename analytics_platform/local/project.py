"""Makes a new project from this one: everything but the auction house, which is an example."""

import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

from analytics_platform.errors import LocalError
from analytics_platform.settings import ROOT

# The example's parts, and this repository's own history of proofs. Nothing else knows of them.
LEFT_OUT = (
    "analytics_platform/local/auction_house/*",
    "analytics_platform/products/[!_]*",
    "schemas/*",
    "docs/*.png",
    "docs/decisions/*",
    "CHANGELOG.md",
    "infra/kafka/access.yaml",
    "analytics_platform_tests/local/houses.py",
    "analytics_platform_tests/local/test_auction_house*",
    "analytics_platform_tests/local/test_up.py",
    "analytics_platform_tests/proofs/*_[0-9]*.py",
    "analytics_platform_tests/end_to_end/*",
)
IGNORED = (".git", ".venv", ".state", "build", "__pycache__", ".pytest_cache", ".ruff_cache", ".hypothesis")


def make_project(target: Path) -> list[Path]:
    """Copy the project without its example into a new or empty folder; returns what was written, relative."""
    if target.exists() and any(target.iterdir()):
        raise LocalError("init", f"{target} is not empty", "name a new folder")
    files = [path for path in _files() if not is_left_out(path)]
    for path in files:
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, place)
    (target / "schemas").mkdir(parents=True, exist_ok=True)
    (target / "schemas" / ".gitkeep").touch()
    return files


def is_left_out(path: Path) -> bool:
    """Whether a file, relative to the project, belongs to the example. Pure."""
    return any(fnmatch(path.as_posix(), pattern) for pattern in LEFT_OUT)


def _files() -> list[Path]:
    """The project's files, relative: what git knows, or all that is no cache where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        found = [Path(name) for name in listed.stdout.split("\0") if name]
    else:
        found = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
    return sorted(p for p in found if (ROOT / p).is_file() and not set(p.parts) & set(IGNORED))
