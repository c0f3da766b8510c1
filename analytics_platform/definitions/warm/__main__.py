"""`python -m analytics_platform.definitions.warm`: the parent of warm run workers."""

import importlib
import logging
import os
import socket
import sys
from pathlib import Path

import click

from analytics_platform.logs import JsonFormatter

PARENT = "analytics_platform.definitions.warm"
# Read by native libraries when they are imported: each would start a pool of threads in the parent.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",
}


@click.command()
@click.option("--socket", "path", type=click.Path(path_type=Path), required=True, help="Where the launcher asks.")
@click.option("--module", required=True, help="The module of the code location, as the code server names it.")
@click.option("--prepare", required=True, help="What a child calls before it has a run, as module:function.")
@click.option("--most", type=click.IntRange(1), default=32, show_default=True, help="Runs at once.")
@click.option("--watch", multiple=True, type=click.Path(path_type=Path), help="Folders whose change is new code.")
@click.option("--trial", is_flag=True, hidden=True, help="Import, and say whether that went well.")
@click.option("--listener", type=int, hidden=True, help="The socket of the parent whose place we take.")
@click.option("--child", "children", multiple=True, hidden=True, help="Its children: pid=run=instance.")
def main(  # noqa: PLR0913 - options are parameters
    path: Path,
    module: str,
    prepare: str,
    most: int,
    watch: tuple[Path, ...],
    trial: bool,
    listener: int | None,
    children: tuple[str, ...],
) -> None:
    """Import everything, then fork a child per run."""
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)  # for the libraries that are imported next, and for the children's
    from analytics_platform.definitions.warm.child import named
    from analytics_platform.definitions.warm.imports import import_location
    from analytics_platform.definitions.warm.nursery import Nursery
    from analytics_platform.definitions.warm.parent import Parent, require_one_thread
    from analytics_platform.definitions.warm.protocol import listening

    _log_as_json()
    import_location(module)
    prepared = named(prepare)
    if trial:
        require_one_thread()
        return
    inherited = [child.split("=", 2) for child in children]
    arguments = ["--socket", str(path), "--module", module, "--prepare", prepare, "--most", str(most)]
    folders = watch or (Path(importlib.import_module(module.partition(".")[0]).__file__ or ".").parent,)
    parent = Parent(
        path=path,
        listener=socket.socket(fileno=listener) if listener is not None else listening(path),
        prepare=prepared,
        folders=tuple(folders),
        again=("-m", PARENT, *arguments, *(f"--watch={folder}" for folder in watch)),
        nursery=Nursery(most=most, running={int(pid): run_id for pid, run_id, _ in inherited}),
        references={run_id: reference for _, run_id, reference in inherited},
    )
    parent.serve()


def _log_as_json() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter("warm"))
    logging.getLogger(PARENT).addHandler(handler)
    logging.getLogger(PARENT).setLevel(logging.INFO)


if __name__ == "__main__":
    main(sys.argv[1:])
