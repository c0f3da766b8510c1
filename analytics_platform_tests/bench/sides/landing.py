"""Ours, landing only: batches are planned, read, and committed to bronze with their content hash."""

from analytics_platform.ingest.plan import plan_batch
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres import planning
from analytics_platform.pipeline.land import BronzeWriter, land, settled
from analytics_platform.pipeline.parts import Parts
from analytics_platform_tests.bench.sides.ours import last_hour, opened
from analytics_platform_tests.bench.sides.stage import perform, task


def main() -> None:
    """Land everything."""
    given = task()
    with opened(given) as parts:
        perform(given, lambda: _land(parts))


def _land(parts: Parts) -> int:
    (stream,) = parts.pipeline.streams
    rows = 0
    with (
        leases.taken(parts.ledger, parts.pipeline.name, "bench", last_hour()) as lease,
        BronzeWriter() as writer,
    ):
        offsets = parts.reader.offsets([stream.topic])[stream.topic]
        while True:
            frontier = planning.frontier(parts.ledger, stream.name, offsets[0].topic_id)
            ranges = plan_batch(frontier, offsets, rows=stream.batch_rows)
            if not ranges:
                return rows
            batch = planning.record(
                parts.ledger, parts.pipeline.name, stream.name, ranges, parts.pins(stream), parts.now()
            )
            if batch is not None:
                landed = land(batch, parts, lease.epoch, writer)
                settled(batch, landed, parts)
                rows += landed.rows.num_rows


if __name__ == "__main__":
    main()
