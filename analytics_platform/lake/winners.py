"""Who wins now among the copies of an id, when what is published of some of their batches changes. Pure."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.facts import Outcome
from analytics_platform.lake.silver import REASONS

COPY = ["batch", "partition", "offset", "event_id", "payload_hash"]
STANDING = ["outcome", "reason", "winner_partition", "winner_offset"]
LOSING = (Outcome.DUPLICATE, Outcome.CONFLICT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Rows of other batches that change place or standing; `demoted` and `renamed` carry their new STANDING."""

    promoted: pa.Table  # rows of exceptions that silver gets
    demoted: pa.Table  # rows of silver that exceptions get
    renamed: pa.Table  # rows of exceptions that lose to another winner than before
    renamed_from: pa.Table  # the same as they were


def moves(here: pa.Table, published: pa.Table, lost: pa.Table) -> Moves:
    """Decide again on the copies, in other batches, of ids whose winner may have moved.

    The first copy in plan order (batch, partition, offset) wins; the others are its duplicates, or in conflict with it
    where their payload is another.

    Args:
        here: COPY of the rows of those ids that are published in the batches judged now.
        published: the rows of those ids that silver holds of other batches.
        lost: the rows of those ids, of other batches, that exceptions hold as duplicate or conflict.
    """
    copies = pa.concat_tables([table.select(COPY) for table in (here, published, lost)], promote_options="permissive")
    winner = winner_rows(copies)
    first, second = here.num_rows, here.num_rows + published.num_rows
    wins = winner == np.arange(len(winner))
    standing = _standing(copies, winner)
    demoted = _with(published, standing.slice(first, published.num_rows)).filter(pa.array(~wins[first:second]))
    of_lost = standing.slice(second)
    renamed = pa.array(~wins[second:] & _differs(lost, of_lost))
    return Moves(
        promoted=lost.filter(pa.array(wins[second:])),
        demoted=demoted,
        renamed=_with(lost, of_lost).filter(renamed),
        renamed_from=lost.filter(renamed),
    )


def winner_rows(copies: pa.Table) -> np.ndarray:
    """Per row of COPY, the row number of the copy that wins; its own where it wins itself."""
    batches, partitions, offsets = (np.asarray(copies[name].combine_chunks()) for name in COPY[:3])
    order = np.lexsort((offsets, partitions, batches))
    codes = np.asarray(copies["event_id"].combine_chunks().dictionary_encode().indices)
    _, first = np.unique(codes[order], return_index=True)
    return order[first][codes]


def _standing(copies: pa.Table, winner: np.ndarray) -> pa.Table:
    """The STANDING columns of each copy, as of one that lost to that winner."""
    payloads = np.asarray(copies["payload_hash"].combine_chunks())
    is_copy = pa.array(payloads == payloads[winner])
    taken = copies.take(pa.array(winner))
    return pa.table(
        {
            "outcome": pc.if_else(is_copy, str(Outcome.DUPLICATE), str(Outcome.CONFLICT)),
            "reason": pc.if_else(is_copy, REASONS[Outcome.DUPLICATE], REASONS[Outcome.CONFLICT]),
            "winner_partition": taken["partition"],
            "winner_offset": taken["offset"],
        }
    )


def _with(rows: pa.Table, standing: pa.Table) -> pa.Table:
    kept = rows.select([name for name in rows.column_names if name not in STANDING])
    for name in STANDING:
        kept = kept.append_column(name, standing[name])
    return kept


def _differs(lost: pa.Table, standing: pa.Table) -> np.ndarray:
    same = pa.array(np.ones(lost.num_rows, bool))
    for name in STANDING:
        same = pc.and_(same, pc.fill_null(pc.equal(lost[name], standing[name]), False))
    return ~np.asarray(same)
