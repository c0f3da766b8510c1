"""Kafka in, trustworthy tables out, every step visible in Dagster.

The path of one event, and where to read on:

    products/     a stream is declared: topic, schema, identity, event time, rules
    ingest/plan   new offsets become a batch: an immutable, gapless range, recorded before anything else
    pipeline/     a run takes the pipeline's lease and works through cycles of batches:
      land        offsets are read once (ingest/kafka, ingest/record_batch) and committed to bronze
      judge       rows are decoded (ingest/decode), each gets one outcome (lake/silver), then silver and exceptions
      models      the grains that rows touched are recomputed (lake/model)
      cycle       manifests and table versions become public in one transaction (ledger/postgres/publication)
    definitions/  all of it as Dagster assets, checks, and the sensor that asks for runs
    published     readers see the published cut: `read("highest_bid")`
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analytics_platform.published import read as read

__all__ = ["read"]


def __getattr__(name: str) -> object:
    """Import nothing until `read` is asked for: the command line starts in milliseconds."""
    if name == "read":
        from analytics_platform.published import read

        return read
    raise AttributeError(name)
