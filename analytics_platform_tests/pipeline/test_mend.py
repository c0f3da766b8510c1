"""Files that are gone fail each live batch that looks into them, so an order that rebuilds them goes first."""

import pytest

from analytics_platform.errors import DamagedTableError
from analytics_platform.ledger.rework import Kind, OrderState
from analytics_platform_tests.pipeline.ordered import give, progress_of
from analytics_platform_tests.pipeline.orders import ORDERS, kafka_with, lease, opened, order, outcomes


def test_an_order_over_deleted_files_goes_before_live_batches(ledger_dsn, tmp_path):
    kafka = kafka_with([[order(1), order(2)], []])
    with opened(ledger_dsn, tmp_path, kafka) as parts:
        lease(parts)
        silver = parts.tables.of("orders", "silver")
        for file in silver.files():
            (silver.root / file.path).unlink()
        kafka.append(ORDERS.topic, 0, [order(1), order(3)])
        with pytest.raises(DamagedTableError):
            lease(parts, "without an order")
        given = give(parts, Kind.BACKFILL)
        lease(parts, "with one")
        assert progress_of(parts, given).state is OrderState.DONE
        assert outcomes(parts) == {
            (0, 0): "published",
            (0, 1): "published",
            (0, 2): "duplicate",
            (0, 3): "published",
        }
