"""The registry service as a process that kills itself, by SIGKILL, at a step of a publish once a file says so."""

import argparse
import os
import signal
from dataclasses import replace
from pathlib import Path

from analytics_platform.registry.publish import Step
from analytics_platform.service.server import serve
from analytics_platform.settings import read_settings


def main() -> None:
    """Serve; the file `--armed` names the step at which the next publish is to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--dsn", "--schemas", "--state", "--armed"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    armed = Path(given.armed)

    def reached(step: Step) -> None:
        if armed.exists() and armed.read_text() == step:
            os.kill(os.getpid(), signal.SIGKILL)

    settings = replace(
        read_settings(), ledger_dsn=given.dsn, schema_dir=Path(given.schemas), state_dir=Path(given.state)
    )
    serve(settings, given.port, reached)


if __name__ == "__main__":
    main()
