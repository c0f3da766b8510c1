"""Published orders of three customers whose names are encrypted, and whoever asks for them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from analytics_platform.catalog import catalog_of
from analytics_platform.reader import Reader
from analytics_platform.security.asker import Asker
from analytics_platform.settings import Settings, read_settings
from analytics_platform_tests.pipeline.orders import ORDERS, REVENUE, lease
from analytics_platform_tests.pipeline.personal import opened_personal, personal_order, raw_order, schema_folder

CATALOG = catalog_of([ORDERS, REVENUE])
CUSTOMERS = (1007, 1008, 1009)
BROKEN = raw_order(9, b'{"name": "Ana')


@contextmanager
def personal_shop(dsn, folder) -> Generator[Settings]:
    """Settings of a platform with two orders of each customer, and one record that cannot be read."""
    orders = [personal_order(number, customer=CUSTOMERS[number % 3], minute=number) for number in range(6)]
    schemas = schema_folder(folder / "schemas")
    with opened_personal(dsn, folder / "tables", [[*orders, BROKEN], []]) as parts:
        lease(parts)
    yield replace(
        read_settings(),
        ledger_dsn=dsn,
        table_dir=folder / "tables",
        schema_dir=schemas,
        key_dir=folder / "tables.keys",
        token="",
    )


def reader(settings, *roles):
    """Ana with those roles."""
    return Reader(settings=settings, asker=Asker(name="ana", known_by="token 1", roles=frozenset(roles)), via="a test")
