"""Where a run worker's own log goes: beside the other processes' under `ap up`, else to stderr."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext

from analytics_platform.logs import JsonFormatter
from analytics_platform.settings import Settings

PROCESS = "worker"


@contextmanager
def worker_log(settings: Settings) -> Generator[None]:
    """Write what this package logs as JSON lines; Dagster's own loggers are left as they are."""
    collected = settings.state_dir / "logs" / "raw"  # the supervisor of `ap up` moves its lines into logs/worker.log
    place = (collected / f"{PROCESS}.out").open("a") if collected.is_dir() else nullcontext(sys.stderr)
    logger = logging.getLogger("analytics_platform")
    level = logger.level
    with place as stream:
        handler = logging.StreamHandler(stream)
        handler.setFormatter(JsonFormatter(PROCESS))
        logger.addHandler(handler)
        logger.setLevel(settings.log_level)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
