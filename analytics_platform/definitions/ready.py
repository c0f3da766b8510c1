"""What a warm worker opens before it has a run: the parts of every pipeline, over one ledger connection and one reader.

A run takes its pipeline's parts from here. Where there are none, or they have died meanwhile, it opens its own.
"""

import logging
from contextlib import ExitStack
from typing import Final

import psycopg

from analytics_platform.definitions.opening import open_parts, open_reader
from analytics_platform.lake.shapes import Layer
from analytics_platform.pipeline.parts import Parts
from analytics_platform.postgres import connect
from analytics_platform.products import catalog
from analytics_platform.quality.batch import rehearse
from analytics_platform.registry.drafts import without_drafts
from analytics_platform.security.parts import PartName
from analytics_platform.settings import LedgerRole, read_settings

log = logging.getLogger(__name__)
MOST_PIPELINES = 8  # opening one takes 0.1 s and some memory: with many, each run opens its own
NAME = "select set_config('application_name', %s, false)"


class Ready:
    """Parts by pipeline, and what closes them."""

    def __init__(self) -> None:
        self._parts: dict[str, Parts] = {}
        self._opened = ExitStack()

    def open(self) -> None:
        """Open everything; raises what cannot be opened."""
        settings = read_settings()
        pipelines = list(without_drafts(catalog(), settings.schema_dir).pipelines.values())[:MOST_PIPELINES]
        with ExitStack() as opened:
            ledger = opened.enter_context(connect(settings.ledger_as(LedgerRole.WORKER), application="warm"))
            reader = opened.enter_context(open_reader(settings, PartName.WORKER))
            for pipeline in pipelines:
                parts = self._parts[pipeline.name] = open_parts(pipeline, settings, ledger, reader)
                for stream in parts.pipeline.streams:
                    rehearse(stream, parts.tables.of(stream.name, Layer.SILVER).shape.columns)
            self._opened = opened.pop_all()

    def take(self, pipeline: str, application: str) -> Parts | None:
        """The pipeline's parts, once, under that name in Postgres; None if there are none that work."""
        parts = self._parts.pop(pipeline, None)
        if parts is None:
            return None
        try:
            parts.ledger.execute(NAME, [application])
        except psycopg.OperationalError as error:  # the server was restarted while we waited
            log.info("warm.stale", extra={"reason": type(error).__name__})
            return None
        return parts

    def close(self) -> None:
        """Close what was opened."""
        self._opened.close()


READY: Final = Ready()  # of this process: a forked child fills it, once
