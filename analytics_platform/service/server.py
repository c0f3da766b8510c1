"""The service as a process: uvicorn around the application, on this machine only."""

import logging
from collections.abc import Callable

import uvicorn

from analytics_platform.products import catalog
from analytics_platform.registry.publish import Step
from analytics_platform.service.app import application
from analytics_platform.service.metrics import measure_from
from analytics_platform.service.registry import ServedRegistry
from analytics_platform.settings import LedgerRole, Settings

HOST = "127.0.0.1"
KEEP_ALIVE_SECONDS = 75
MOST_AT_ONCE = 500  # connections; one more is answered with 503
LONGEST_HEAD = 16_384  # bytes of a request's line and headers
log = logging.getLogger(__name__)


def serve(settings: Settings, port: int, reached: Callable[[Step], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    watched = {"reached": reached} if reached else {}
    registry = ServedRegistry(
        settings.ledger_as(LedgerRole.SERVICE),
        settings.schema_dir,
        settings.patch_dir,
        commits=settings.schema_writes == "commit",
        declared=catalog(),
        **watched,
    )
    registry.start()
    try:
        uvicorn.run(
            application(registry, measure_from(settings.ledger_as(LedgerRole.SERVICE), settings, catalog())),
            host=HOST,
            port=port,
            access_log=False,
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            server_header=False,
            limit_concurrency=MOST_AT_ONCE,
            h11_max_incomplete_event_size=LONGEST_HEAD,
        )
    finally:
        registry.stop()
