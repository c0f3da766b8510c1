"""`ap access scan`: whether anything that git knows holds a secret."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.errors import LocalError
from analytics_platform.security.secrets import Finding, findings
from analytics_platform.settings import ROOT

DIGESTS = (".lock", ".png", ".svg", ".ico")  # full of what looks random, and written by tools


@click.command(epilog="Example: ap access scan")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=ROOT)
@as_json
def scan(folder: Path, as_json: bool) -> None:
    """Look for secrets in every file that git knows or would take, below FOLDER. Exit code 1 if there is one."""
    found = [finding for path in _files(folder) for finding in _in(folder, path)]
    if as_json:
        say_json([asdict(finding) for finding in found])
    else:
        click.echo("\n".join(map(str, found)) or "no secret found")
    sys.exit(1 if found else 0)


COMMANDS = (scan,)


def _files(folder: Path) -> list[str]:
    """What is in git, and what is new and not ignored: a secret is found before it is committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise LocalError("scan", f"{folder} is in no git repository", "name a folder that is")
    return sorted({name for name in listed.stdout.split("\0") if name and not name.endswith(DIGESTS)})


def _in(folder: Path, name: str) -> Iterator[Finding]:
    place = folder / name
    if place.is_file() and not place.is_symlink():  # git lists what was deleted, too
        yield from findings(name, place.read_text(encoding="utf-8", errors="replace").splitlines())
