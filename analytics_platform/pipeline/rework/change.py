"""What a chunk changes: rows of silver and exceptions, here and elsewhere; and the manifests that say so."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.facts import Manifest, Outcome
from analytics_platform.lake.fingerprint import MASK, row_hashes
from analytics_platform.lake.select import sums_by_batch
from analytics_platform.lake.shapes import Layer, hashed
from analytics_platform.ledger.rework import Chunk
from analytics_platform.pipeline.manifests import Circumstances, moved_manifest, newest_after, write_manifest
from analytics_platform.pipeline.models import count_too_late
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.rework.elsewhere import Elsewhere, nothing_elsewhere
from analytics_platform.pipeline.rework.judging import Rejudged
from analytics_platform.pipeline.rework.scope import Scope

MOST_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`silver` and `exceptions` are the batches of the scope whose rows there differ from what they shall be.

    `removed` and `added` are rows of silver in the scope, `touched` all rows of silver that models must hear of;
    `restated` the batches that need a new manifest.
    """

    scope: Scope
    rejudged: Rejudged | None
    elsewhere: Elsewhere
    silver: frozenset[int]
    exceptions: frozenset[int]
    removed: pa.Table
    added: pa.Table
    touched: pa.Table
    restated: frozenset[int]

    @property
    def is_any(self) -> bool:
        """Whether there is something to commit or to publish."""
        broken = self.rejudged and (self.scope.silver.broken or self.scope.exceptions.broken)
        return bool(self.silver or self.exceptions or self.restated or broken)


def cause_of(chunk: Chunk) -> str:
    """Why manifests and grains change."""
    return chunk.order.id if chunk.order.id.startswith(chunk.order.kind) else f"{chunk.order.kind} {chunk.order.id}"


def change_of(scope: Scope, rejudged: Rejudged, others: Elsewhere) -> Change:
    """Compare what is there with what shall be."""
    silver, old, new = _differing(scope.silver.rows, rejudged.silver)
    exceptions, _, _ = _differing(scope.exceptions.rows, rejudged.exceptions)
    removed, added = scope.silver.rows.filter(old), rejudged.silver.filter(new)
    changed, moved = silver | exceptions, (others.silver_gone, others.silver_come)
    return Change(
        scope=scope,
        rejudged=rejudged,
        elsewhere=others,
        silver=silver,
        exceptions=exceptions,
        removed=removed,
        added=added,
        touched=pa.concat_tables([rows.select(added.column_names) for rows in (removed, added, scope.lost, *moved)]),
        restated=frozenset(b.id.number for b in scope.batches if _is_restated(b.id.number, scope, rejudged, changed)),
    )


def models_only(scope: Scope, parts: Parts) -> Change:
    """No row changes."""
    nobody = scope.silver.rows.slice(0, 0)
    return Change(
        scope=scope,
        rejudged=None,
        elsewhere=nothing_elsewhere(scope.stream, parts),
        silver=frozenset(),
        exceptions=frozenset(),
        removed=nobody,
        added=nobody,
        touched=nobody,
        restated=frozenset(),
    )


def notes_of(scope: Scope, change: Change) -> dict[int, dict[str, Any]]:
    """By batch of the order, what changes: outcomes before and after, rows that silver loses and gains."""
    gone, come = (Counter(rows["batch"].to_pylist()) for rows in (change.removed, change.added))
    changed = change.silver | change.exceptions | change.restated
    moved = [f"{scope.stream}/{number}" for number in sorted(change.elsewhere.manifests)]
    found: dict[int, dict[str, Any]] = {}
    for number in (batch.id.number for batch in scope.chunk.batches):
        before = scope.manifests[number]
        found[number] = {"rows": before.rows, "changed": number in changed}
        if number in changed and change.rejudged:
            after = _outcomes(change.rejudged, number)
            found[number] |= {"before": _texts(before.outcomes), "after": _texts(after)}
            found[number] |= {"removed": gone[number], "added": come[number]}
    first = next((note for note in found.values() if note["changed"]), None)
    if first and moved:
        first["elsewhere"] = moved[:MOST_NAMED]
    return found


def manifests_of(change: Change, around: Circumstances, parts: Parts) -> tuple[Manifest, ...]:
    """The next revisions, for batches of the scope and elsewhere, to be made after the commits."""
    if change.rejudged is None:
        return ()
    rejudged, scope = change.rejudged, change.scope
    hashes = _hashes(rejudged, change.restated)
    here = [
        write_manifest(
            batch,
            rejudged.of(batch.id.number),
            {**scope.manifests[batch.id.number].hashes, **hashes[batch.id.number]},
            around,
            scope.manifests[batch.id.number],
            parts,
        )
        for batch in scope.batches
        if batch.id.number in change.restated
    ]
    for earlier in change.elsewhere.manifests.values():
        moved = _moved(earlier, change.elsewhere, around, parts)
        if (moved.outcomes, moved.hashes) != (earlier.outcomes, earlier.hashes):  # else only a loser's winner moved
            here.append(moved)
    return tuple(here)


def _differing(before: pa.Table, after: pa.Table) -> tuple[frozenset[int], pa.Array, pa.Array]:
    """The batches whose rows differ, and masks of the rows that only one of the tables has."""
    after = after.select(before.column_names)
    old, new = row_hashes(before), row_hashes(after)
    old_sums, new_sums = sums_by_batch(old, before["batch"]), sums_by_batch(new, after["batch"])
    numbers = {n for n in old_sums.keys() | new_sums.keys() if old_sums.get(n) != new_sums.get(n)}
    if not numbers:
        return frozenset(), pa.array(np.zeros(len(old), bool)), pa.array(np.zeros(len(new), bool))
    return frozenset(numbers), pa.array(~np.isin(old, new)), pa.array(~np.isin(new, old))


def _is_restated(number: int, scope: Scope, rejudged: Rejudged, changed: frozenset[int]) -> bool:
    """Whether what the batch's manifest says is no longer so."""
    before, judged = scope.manifests[number], rejudged.of(number)
    ruling = judged.case.rulings.get(number)
    checks = {result.name: result.passed for result in judged.checks.get(number, ())}
    told = {v.check: v.passed for v in before.verdicts}
    if (ruling.text if ruling else None) != before.resolution or not checks.items() <= told.items():
        return True
    if dict(before.newest_event_at) != newest_after(judged, number):
        return True
    if number not in changed:
        return False
    hashes = _hashes(rejudged, frozenset({number}))[number]
    return _outcomes(rejudged, number) != before.outcomes or any(before.hashes[k] != v for k, v in hashes.items())


def _hashes(rejudged: Rejudged, numbers: frozenset[int]) -> dict[int, dict[str, int]]:
    wanted = pa.array(sorted(numbers), pa.int64())
    found: dict[int, dict[str, int]] = {number: {} for number in numbers}
    for layer, rows in ((Layer.SILVER, rejudged.silver), (Layer.EXCEPTIONS, rejudged.exceptions)):
        own = rows.filter(pc.is_in(rows["batch"], value_set=wanted))
        sums = sums_by_batch(row_hashes(hashed(own)), own["batch"])
        for number in numbers:
            found[number][str(layer)] = sums.get(number, 0)
    return found


def _outcomes(rejudged: Rejudged, number: int) -> dict[Outcome, int]:
    judged = rejudged.of(number)
    return judged.decision.counts(judged.case.rows_of(number))


def _texts(outcomes: Mapping[Outcome, int]) -> dict[str, int]:
    return {str(outcome): count for outcome, count in outcomes.items()}


def _moved(earlier: Manifest, others: Elsewhere, around: Circumstances, parts: Parts) -> Manifest:
    """By what goes and what comes, since fingerprints and counts of parts add up."""
    number = earlier.batch.number
    parts_of = [(Layer.SILVER, others.silver_gone, -1), (Layer.SILVER, others.silver_come, 1)]
    parts_of += [(Layer.EXCEPTIONS, others.exceptions_gone, -1), (Layer.EXCEPTIONS, others.exceptions_come, 1)]
    outcomes, hashes, too_late = Counter(earlier.outcomes), dict(earlier.hashes), Counter(earlier.too_late)
    for layer, table, sign in parts_of:
        columns = parts.tables.of(earlier.batch.stream, layer).shape.columns.names
        rows = table.select(columns).filter(pc.equal(table["batch"], number))
        content = int(row_hashes(hashed(rows)).sum(dtype=np.uint64))
        hashes[str(layer)] = (hashes[str(layer)] + sign * content) & MASK
        names = rows["outcome"].to_pylist() if layer is Layer.EXCEPTIONS else [Outcome.PUBLISHED] * rows.num_rows
        for name in names:
            outcomes[Outcome(name)] += sign
        if layer is Layer.SILVER:
            for model, count in count_too_late(earlier.batch.stream, rows, parts).items():
                too_late[model] += sign * count
    return moved_manifest(earlier, outcomes, hashes, {m: c for m, c in too_late.items() if c}, around)
