"""Dagster connects to Postgres anew for each event that it writes; a process that writes many holds its connections."""

from dagster import DagsterInstance

STATEMENT_MS = 60_000
RECYCLE_SECONDS = 600
OVERFLOW = 16  # connections beyond the one that is held, each closed when it is given back


def hold_connections(instance: DagsterInstance) -> None:
    """Have its storages keep one connection each, as the webserver's do. Not before a fork."""
    instance.optimize_for_webserver(STATEMENT_MS, RECYCLE_SECONDS, OVERFLOW)
