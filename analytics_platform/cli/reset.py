"""`ap reset`: delete the instance's local data."""

import shutil
from pathlib import Path

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.errors import LocalError
from analytics_platform.local.instance import owning
from analytics_platform.local.leftovers import find_leftovers
from analytics_platform.settings import instance_file, read_settings


@click.command(epilog="Example: ap reset --yes")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def command(yes: bool, as_json: bool) -> None:
    """Delete everything this instance keeps on disk: tables, ledger, broker, logs."""
    state_dir = read_settings().state_dir
    if not state_dir.exists():
        _report(as_json, [], f"nothing to delete: {state_dir} does not exist")
        return
    if not instance_file(state_dir).exists():
        raise LocalError(
            "reset", f"{state_dir} holds no instance of this platform", "delete it yourself, if you mean to"
        )
    if leftovers := find_leftovers(state_dir):
        raise LocalError("reset", f"{len(leftovers)} processes still use {state_dir}", "stop them first: `ap down`")
    sizes = [(path, _size_mb(path)) for path in sorted(state_dir.iterdir())]
    with owning(state_dir) as owned:
        if not owned:
            raise LocalError("reset", f"the instance in {state_dir} is running", "stop it first: `ap down`")
        for path, size in sizes if not as_json else []:
            click.echo(f"{size:8.1f} MB  {path}")
        if not yes:
            click.confirm(f"Delete all of {state_dir}?", abort=True)
        shutil.rmtree(state_dir)
    _report(as_json, [{"path": str(p), "megabytes": s} for p, s in sizes], f"deleted {state_dir}")


def _report(as_json: bool, deleted: list[dict[str, object]], sentence: str) -> None:
    if as_json:
        say_json({"deleted": deleted})
    else:
        click.echo(sentence)


def _size_mb(path: Path) -> float:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file() and not p.is_symlink()]
    return round(sum(file.stat().st_size for file in files) / 1e6, 1)
