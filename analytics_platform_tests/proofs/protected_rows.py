"""What the tables of streams hold, cell by cell and by the manifests' hashes; and how two of them differ.

Tables are read by stock readers (deltalake, DuckDB), manifests by SQL.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from deltalake import DeltaTable

from analytics_platform_tests.proofs.protected_oracle import Log, Oracle, Sent
from analytics_platform_tests.proofs.reconciliation import read_rows
from analytics_platform_tests.proofs.scenarios import (
    RUN_DEPENDENT,
    STREAMS,
    Content,
    Scenario,
    table_content,
    table_roots,
)

LAYERS = ("bronze", "silver", "exceptions")
SHOWN = 4  # differences in a claim
MASK = (1 << 64) - 1
LATEST = """
    select distinct on (stream, number) stream, number, body -> 'hashes' from manifest
    order by stream, number, revision desc
"""
Row = Mapping[str, Any]
Rows = Mapping[tuple[int, int], Row]  # by partition and offset
Found = Mapping[str, Rows]  # by table


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a run has left: rows, the hash of each batch by its manifest, and of each table by stock readers."""

    rows: Found
    batches: Mapping[tuple[str, int], Mapping[str, str]]
    content: Content

    @property
    def hashes(self) -> dict[str, str]:
        """By table, the hash of all batches together: the sum of theirs."""
        sums: Counter[str] = Counter()
        for (stream, _), layers in self.batches.items():
            for layer in LAYERS:
                sums[f"{stream}/{layer}"] += int(layers[layer], 16)
        return {table: f"{total & MASK:016x}" for table, total in sorted(sums.items())}

    @property
    def cells(self) -> int:
        """How many cells there are to compare."""
        return sum(len(row) for rows in self.rows.values() for row in rows.values())


def state_of(scenario: Scenario) -> State:
    """What it has left so far."""
    with psycopg.connect(scenario.dsn) as ledger:
        batches = {(stream, number): hashes for stream, number, hashes in ledger.execute(LATEST).fetchall()}
    return State(rows=rows_in(scenario.tables), batches=batches, content=table_content(scenario.tables))


def rows_in(tables: Path) -> Found:
    """Every row of bronze, silver and exceptions; ValueError where two claim one place."""
    roots = {str(root.relative_to(tables)): root for root in table_roots(tables)}
    return {f"{stream}/{layer}": _rows(roots[f"{stream}/{layer}"]) for stream in STREAMS for layer in LAYERS}


def differences(one: Found, other: Found) -> list[str]:
    """Every cell in which they differ, bytes for bytes, and every row that only one has."""
    found = []
    for table in sorted(one.keys() | other.keys()):
        left, right = one.get(table, {}), other.get(table, {})
        found += [f"{table} {at} is in one only" for at in sorted(left.keys() ^ right.keys())]
        for at in sorted(left.keys() & right.keys()):
            columns = left[at].keys() | right[at].keys()
            found += [f"{table} {at} {name}" for name in sorted(columns) if left[at].get(name) != right[at].get(name)]
    return found


def only(found: Found, places: Found) -> Found:
    """The rows of the coordinates that bronze has in `places`."""
    wanted = {stream: places[f"{stream}/bronze"].keys() for stream in STREAMS}
    return {
        table: {at: row for at, row in rows.items() if at in wanted[table.partition("/")[0]]}
        for table, rows in found.items()
    }


def held_in(found: Found, stream: str) -> Log:
    """A stream's bronze as records."""
    return {
        at: Sent(key=row["key"], value=row["value"], headers=[(h["key"], h["value"]) for h in row["headers"]])
        for at, row in found[f"{stream}/bronze"].items()
    }


def layers_apart(found: Found, oracle: Oracle) -> list[str]:
    """Where silver and exceptions do not hold what bronze does; empty where each row of it is once in one of them."""
    stream = oracle.stream
    bronze, silver, others = (found[f"{stream}/{layer}"] for layer in LAYERS)
    problems = [] if bronze.keys() == silver.keys() | others.keys() else [f"{stream}: rows are lost"]
    problems += [f"{stream} {at} is in silver and exceptions" for at in sorted(silver.keys() & others.keys())]
    for at, row in silver.items():
        fields = oracle.fields(bronze[at]["value"]) or {}
        unlike = [name for name, value in fields.items() if not isinstance(row[name], datetime) and row[name] != value]
        problems += [f"{stream}/silver {at} {name}" for name in unlike]
    for at, row in others.items():
        problems += [f"{stream}/exceptions {at} {name}" for name in ("key", "value") if row[name] != bronze[at][name]]
    return problems


def in_short(problems: list[str]) -> str:
    """The first ones, and how many there are; empty if there are none."""
    return f"({len(problems):,}: {'; '.join(problems[:SHOWN])})" if problems else ""


def _rows(root: Path) -> Rows:
    names = [field.name for field in DeltaTable(str(root)).schema().fields if field.name not in RUN_DEPENDENT]
    rows = read_rows(root, names).to_pylist()
    found = {(row["partition"], row["offset"]): row for row in rows}
    if len(found) != len(rows):
        raise ValueError(f"{root}: two rows claim one place")
    return found
