"""The small pipeline of `orders`, with a check that holds back batches."""

from dataclasses import replace

from analytics_platform.product import BatchCheck, Severity
from analytics_platform_tests.pipeline.orders import ORDERS, SHOP

MOSTLY_GOOD = BatchCheck(
    name="mostly_good",
    holds="count(*) filter (reason is null) >= 0.5 * count(*)",
    description="at least half of the rows pass their rules",
)
SMALL = BatchCheck(name="small", holds="max(amount) < 1000", description="no giant orders", severity=Severity.WARN)
CHECKED_ORDERS = replace(ORDERS, checks=(MOSTLY_GOOD, SMALL))
CHECKED_SHOP = replace(SHOP, streams=(CHECKED_ORDERS,))
