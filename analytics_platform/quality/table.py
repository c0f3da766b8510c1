"""Contracts on published tables: what each check of scope `table` says of a table as it stands."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from analytics_platform.facts import CheckResult
from analytics_platform.product import Model, Stream
from analytics_platform.quality.contract import Scope, read_contract
from analytics_platform.quality.soda import ready
from analytics_platform.quality.verdict import results_of


def verify_table(
    product: Stream | Model, rows: Any, count: int, at: datetime, references: Mapping[str, Any] = MappingProxyType({})
) -> tuple[CheckResult, ...]:
    """What the table checks of a stream's or model's contract say of its rows, as of that time.

    Args:
        product: whose contract it is.
        rows: an Arrow table or dataset, read while it is verified.
        count: how many rows there are: without any, checks that need one have nothing to fail.
        at: what freshness is told by.
        references: by name, the rows that checks compare with, of the same cut; one that is missing fails its checks.
    """
    checks = read_contract(product.contract, product.name).of(Scope.TABLE) if product.contract else ()
    if not checks:
        return ()
    measured = ready(product.contract, product.name, Scope.TABLE).verify({**references, product.name: rows}, at)
    return results_of(checks, measured, count)
