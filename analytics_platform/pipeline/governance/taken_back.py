"""Telling registered consumers that rows which they read were taken back, by a batch that was retracted."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

from analytics_platform.facts import BatchId
from analytics_platform.ledger.postgres import alarms
from analytics_platform.pipeline.governance.desk import consumers_of_folder
from analytics_platform.product import Catalog

LOOKS_BACK = timedelta(hours=6)  # longer than whoever tells may have been down


def tell_consumers(ledger: psycopg.Connection, folder: Path, declared: Catalog, now: datetime) -> None:
    """Have the owner of each consumer of the stream, or of a model over it, hear of it once for each retraction."""
    retracted = alarms.retracted_since(ledger, now - LOOKS_BACK)
    consumers = consumers_of_folder(folder) if retracted else []
    for name, reason, at in retracted:
        reads = set(_read_from(BatchId.named(name).stream, declared))
        for each in consumers:
            if each.reads in reads:
                body = {"owner": each.owner, "consumer": each.name, "reason": reason, "retracted_at": at.isoformat()}
                alarms.raise_again(ledger, alarms.ROWS_TAKEN_BACK, f"{name} for {each.name}", body, now)


def _read_from(stream: str, declared: Catalog) -> Iterable[str]:
    """The names under which rows of the stream are read: its own, its subject's, and those of models over it."""
    yield from (stream, f"{stream}-value")
    for pipeline in declared.pipelines.values():
        if stream in pipeline.stream_names:
            origin = pipeline.stream(stream)
            yield from (model.name for model in pipeline.models if origin in pipeline.sources(model))
