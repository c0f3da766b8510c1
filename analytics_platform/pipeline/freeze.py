"""Which models keep their last version: a column that they read is broken in what is published of a stream.

The ledger remembers published batches that nobody has decided about; what a cycle or chunk has just judged goes before
what it remembers of the same batches.
"""

from collections.abc import Iterable, Mapping, Sequence

from analytics_platform.errors import LedgerError
from analytics_platform.facts import BatchId
from analytics_platform.lake.reads import Broken, reached
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import failing
from analytics_platform.pipeline.judge import Judged
from analytics_platform.pipeline.parts import Parts


class FrozenModelError(LedgerError):
    """A model that was asked for by name must not be computed: what it reads is broken."""

    def __init__(self, model: str, causes: Sequence[Broken]) -> None:
        super().__init__(model, causes)
        self.model, self.causes = model, tuple(causes)

    def __str__(self) -> str:
        columns = ", ".join(asset if column is None else f"{asset}, {column}" for asset, column in self.causes)
        return (
            f"model {self.model} is frozen: {columns} is broken in published batches; `ap alert list` names them, then "
            "`ap batch retract`, `release` or, with a mended contract, `rerun`"
        )


def frozen_models(judged: Iterable[Judged], parts: Parts) -> dict[str, list[tuple[str, str | None]]]:
    """By model that must wait, the broken columns for which it does, as assets and their columns."""
    fresh = broken_by(judged)
    known = failing.freezing(parts.ledger, parts.pipeline.stream_names)
    broken = {(batch.stream, column) for batch, column in known if batch not in fresh}
    broken |= {(batch.stream, column) for batch, columns in fresh.items() for column in columns}
    if not broken:
        return {}
    columns = {name: schema.names for name, schema in parts.tables.input_columns.items()}
    places: list[Broken] = sorted(broken, key=str)
    found = reached(parts.pipeline, columns, places)
    return {
        model: [(f"{stream}/{Layer.SILVER}", column) for stream, column in causes] for model, causes in found.items()
    }


def broken_by(judged: Iterable[Judged]) -> Mapping[BatchId, Sequence[str | None]]:
    """By batch, the columns for which models must wait: none where a person has decided, or nothing is published."""
    found: dict[BatchId, list[str | None]] = {}
    for case in judged:
        for batch in case.case.batches:
            results = case.checks.get(batch.id.number, ())
            is_free = batch.id.number in case.case.rulings or any(result.stops for result in results)
            found[batch.id] = [] if is_free else [result.column for result in results if result.freezes]
    return found
