"""What a contract would not notice: mutants of good rows that leave every check as it was."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from analytics_platform.product import Model, Stream
from analytics_platform.quality.batch import READ
from analytics_platform.quality.contract import Scope, read_contract
from analytics_platform.quality.mutation import mutants
from analytics_platform.quality.soda import ready
from analytics_platform.quality.verdict import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Of how many mutants of a product's rows some check took notice, and which went through."""

    product: str
    rows: int
    mutants: int
    noticed: int
    missed: tuple[str, ...]
    failing_already: tuple[str, ...]
    noticed_by: dict[str, list[str]]


def mutation_report(product: Stream | Model, rows: pa.Table, columns: list[str], at: datetime) -> Report:
    """Judge the rows as they are, and then each mutant: a check that passed before and does not now has noticed it.

    Rules of a stream are left out: they take single rows away, and what is asked is what the contract sees.
    """
    before = _failing(product, rows, at)
    noticed_by: dict[str, list[str]] = {}
    missed = []
    for mutant in mutants(rows, columns):
        name = f"{mutant.column}: {mutant.fault}"
        fresh = sorted(_failing(product, mutant.rows, at) - before)
        if fresh:
            noticed_by[name] = fresh
        else:
            missed.append(name)
    return Report(
        product=product.name,
        rows=rows.num_rows,
        mutants=len(noticed_by) + len(missed),
        noticed=len(noticed_by),
        missed=tuple(missed),
        failing_already=tuple(sorted(before)),
        noticed_by=noticed_by,
    )


def _failing(product: Stream | Model, rows: pa.Table, at: datetime) -> set[str]:
    """The checks of either scope that do not pass."""
    contract = read_contract(product.contract, product.name)
    read = rows.append_column("reason", pa.nulls(rows.num_rows, pa.string()))
    found = set()
    for scope in Scope:
        if contract.of(scope):
            tables = {product.name: rows, f"{product.name}{READ}": read}
            measured = ready(product.contract, product.name, scope).verify(tables, at)
            found |= {path for path, m in measured.items() if m.answer is not Answer.PASSED}
    return found
