"""Contracts on batches: what each check says of rows that are decoded and not yet written."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.facts import CheckResult
from analytics_platform.product import Stream
from analytics_platform.quality.contract import Contract, Scope, read_contract
from analytics_platform.quality.soda import ready
from analytics_platform.quality.verdict import results_of

READ = "_read"  # behind a stream's name: all rows of the batch, those that its rules refuse too, with their `reason`
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # checks of batches know no clock: the same rows give the same verdict


def verify_batches(stream: Stream, rows: Mapping[int, pa.Table]) -> dict[int, tuple[CheckResult, ...]]:
    """By batch, what the stream's contract says of the rows that pass its rules; a batch without rows says nothing.

    `rows` are decoded, with `reason`: null for those that pass.
    """
    if not stream.contract:
        return {}
    contract = _contract(stream.contract, stream.name)
    checks = contract.of(Scope.BATCH)
    if not checks:
        return {}
    judge = ready(stream.contract, stream.name, Scope.BATCH)
    found = {}
    for number, of_batch in rows.items():
        if of_batch.num_rows:
            passed = of_batch.filter(pc.is_null(of_batch["reason"]))
            measured = judge.verify({stream.name: passed, f"{stream.name}{READ}": of_batch}, NO_TIME)
            found[number] = results_of(checks, measured, passed.num_rows)
    return found


def rehearse(stream: Stream, columns: pa.Schema) -> None:
    """Verify no rows now, so that the first batch does not pay for what a process does but once.

    `columns` are those of the stream's silver table.
    """
    if not stream.contract or not _contract(stream.contract, stream.name).of(Scope.BATCH):
        return
    nothing = columns.append(pa.field("reason", pa.string())).empty_table()
    judge = ready(stream.contract, stream.name, Scope.BATCH)
    judge.verify({stream.name: nothing, f"{stream.name}{READ}": nothing}, NO_TIME)


@lru_cache(maxsize=256)
def _contract(text: str, name: str) -> Contract:
    return read_contract(text, f"contract of {name}")
