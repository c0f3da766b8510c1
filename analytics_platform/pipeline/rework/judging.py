"""Judging a chunk again: every batch of its scope, by what is published before them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.lookup import winners
from analytics_platform.lake.prune import files_with_any
from analytics_platform.lake.shapes import Layer
from analytics_platform.lake.silver import WINNER_COLUMNS
from analytics_platform.pipeline.judge import Case, Decoded, Judged, conclude, decode_case, newest_before
from analytics_platform.pipeline.manifests import newest_after
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.rework.elsewhere import require_whole
from analytics_platform.pipeline.rework.scope import Scope, bronze_of, cases_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """What silver and exceptions shall hold of a scope, and the bronze that this rests on."""

    cases: tuple[Judged, ...]
    bronze: pa.Table
    silver: pa.Table
    exceptions: pa.Table

    def of(self, number: int) -> Judged:
        """The pass in which a batch was judged."""
        return next(j for j in self.cases if any(b.id.number == number for b in j.case.batches))


def judge_scope(scope: Scope, parts: Parts) -> Rejudged:
    """Decide on every row of the scope; writes nothing."""
    bronze = bronze_of(scope, parts)
    judged: list[Judged] = []
    for case in cases_of(scope, bronze, parts):
        decoded = decode_case(case, parts)
        earlier = _earlier(scope, decoded, judged, parts)
        judged.append(conclude(decoded, earlier, _newest(case, judged, parts), parts))
    columns = parts.tables.of(scope.stream, Layer.SILVER).shape.columns
    return Rejudged(
        cases=tuple(judged),
        bronze=bronze,
        silver=pa.concat_tables([columns.empty_table(), *(j.silver for j in judged)]),
        exceptions=pa.concat_tables([scope.exceptions.rows.slice(0, 0), *(j.exceptions for j in judged)]),
    )


def _earlier(scope: Scope, decoded: Decoded, judged: Sequence[Judged], parts: Parts) -> pa.Table:
    """The published copies before a case: of batches before the scope, and of the passes before.

    An id that silver holds of this scope has no copy in silver elsewhere, so that it need not be looked for.
    """
    ids = decoded.ids()
    unknown = ids.filter(pc.invert(pc.is_in(ids, value_set=scope.silver.rows["event_id"].combine_chunks())))
    table = parts.tables.of(scope.stream, Layer.SILVER)
    files = [f for f in table.files() if f.low["batch"] < scope.numbers.start]
    files = files_with_any(files, "event_id", unknown.to_pylist())
    broken = {file.path for file in scope.silver.broken}
    files = [file for file in files if file.path not in broken]
    require_whole(table, files)
    before = winners(table.uris(files), unknown, scope.numbers.start)
    passes = [j.silver.select(WINNER_COLUMNS.names).cast(WINNER_COLUMNS) for j in judged]
    return pa.concat_tables([before, *passes])


def _newest(case: Case, judged: Sequence[Judged], parts: Parts) -> dict[int, datetime]:
    """The highest event times before a case: of the pass before, if that was of the same topic."""
    if not judged:
        return newest_before(case, parts)
    before = judged[-1]
    if case.topic_id not in (None, before.case.topic_id) and before.case.topic_id is not None:
        return {}
    return newest_after(before, before.case.batches[-1].id.number)
