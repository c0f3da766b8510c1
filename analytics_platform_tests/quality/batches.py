"""Batches of a small stream for tests of contracts: rows as they are judged, with `reason`."""

from dataclasses import replace

import pyarrow as pa

from analytics_platform_tests.pipeline.orders import ORDERS

CONTRACT = """
dataset: platform/main/orders
check_attributes: {owner: "team:shop", docs: docs/contracts.md}
columns:
  - name: amount
    checks:
      - missing:
      - invalid: {valid_min: 0, valid_max: 100}
      - invalid:
          qualifier: usual
          valid_max: 50
          threshold: {level: warn, metric: percent, must_be_less_than: 10}
      - aggregate:
          function: avg
          threshold:
            must_be_between: {greater_than: 5, less_than: 60}
            additional: {level: warn, must_be_less_than: 40}
      - metric: {qualifier: spread, expression: max(amount) - min(amount), threshold: {must_be_less_than: 1000}}
  - name: city
    checks:
      - missing: {missing_values: ['', 'N/A']}
      - invalid: {valid_values: [Bonn, Kiel, Ulm]}
      - duplicate: {threshold: {level: warn, metric: percent, must_be_less_than: 100}}
checks:
  - row_count: {threshold: {must_be_greater_than: 0}}
  - failed_rows: {qualifier: free, expression: amount = 0, threshold: {metric: percent, must_be_less_than: 50}}
  - metric:
      qualifier: refused
      query: select 100.0 * count(*) filter (reason is not null) / count(*) from orders_read
      threshold: {must_be_less_than: 50}
"""
CHECKED = replace(ORDERS, contract=CONTRACT)


def batch(amounts, cities=None, reasons=None):
    """Rows of the stream; null reasons are rows that passed their rules."""
    cities = ["Bonn"] * len(amounts) if cities is None else cities
    reasons = [None] * len(amounts) if reasons is None else reasons
    columns = {"amount": pa.array(amounts, pa.int64()), "city": pa.array(cities, pa.string())}
    return pa.table({**columns, "reason": pa.array(reasons, pa.string())})
