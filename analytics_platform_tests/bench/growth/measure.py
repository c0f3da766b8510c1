"""All growths, on a broker and a Postgres of their own."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from analytics_platform_tests.bench.figures import Growth
from analytics_platform_tests.bench.growth.batches import batch_growth
from analytics_platform_tests.bench.growth.dedup import dedup_growth
from analytics_platform_tests.bench.growth.reads import read_growth
from analytics_platform_tests.bench.growth.silver import Ids
from analytics_platform_tests.bench.sizes import Sizes
from analytics_platform_tests.brokers import fresh_database, running_kafka, running_postgres
from analytics_platform_tests.proofs.report import ROOT


def growths(sizes: Sizes, say: Callable[[str], object]) -> list[Growth]:
    """Measure them one after another; each folder is gone before the next one fills the disk."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-growth-")))
        bootstrap = stack.enter_context(running_kafka(place / "kafka", ROOT / ".state" / "jars")).bootstrap
        postgres = stack.enter_context(running_postgres(place / "postgres"))

        def new_dsn() -> str:
            return stack.enter_context(fresh_database(postgres))

        found = []
        for measured in (
            lambda folder: batch_growth(bootstrap, new_dsn, folder, sizes.batches, say),
            lambda folder: dedup_growth(bootstrap, new_dsn, folder, sizes.date_rows, Ids(is_ordered=True), say),
            lambda folder: dedup_growth(bootstrap, new_dsn, folder, sizes.scattered_rows, Ids(is_ordered=False), say),
            lambda folder: read_growth(bootstrap, new_dsn, folder, sizes.days, sizes.commits),
        ):
            with tempfile.TemporaryDirectory(prefix="bench-tables-") as folder:
                found.append(measured(Path(folder)))
            say(f"{found[-1].name} = {found[-1].ratio:.2f}")
    return found
