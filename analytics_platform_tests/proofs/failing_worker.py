"""A real run worker that ends itself by kill -9, or stops, when it reaches a failpoint for the n-th time.

    python -m analytics_platform_tests.proofs.failing_worker --point after_commit --hit 3 --signal KILL --said FILE

What it works on are the usual settings (AP_*). It writes a line to FILE just before the signal, and one as it ends.
"""

import json
import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
import dagster as dg
from dagster._utils.error import SerializableErrorInfo

from analytics_platform.definitions.assets import pipeline_assets
from analytics_platform.definitions.hours import partition_of
from analytics_platform.definitions.intent import LEASE_TAG
from analytics_platform.definitions.location import readable_schemas
from analytics_platform.definitions.resources import PlatformResource
from analytics_platform.definitions.specs import hourly
from analytics_platform.facts import Failpoint
from analytics_platform.pipeline.parts import Parts, Tables
from analytics_platform.product import Pipeline
from analytics_platform.products import catalog
from analytics_platform.quality.files import pipeline_with_contracts
from analytics_platform.settings import read_settings
from analytics_platform_tests.countdown import Countdown

PIPELINE = "auction_house"


class FailingPlatform(PlatformResource):
    """The platform's parts, watched: at the point's n-th time the process gets the signal."""

    point: str
    hit: int
    signal_name: str
    said: str

    @contextmanager
    def parts(self, pipeline: Pipeline, application: str) -> Generator[Parts]:
        """See PlatformResource."""
        settings = read_settings()
        reached = self._reached()
        with super().parts(pipeline, application) as parts:
            tables = Tables.open(settings.table_dir, pipeline, parts.schemas, reached)
            yield replace(parts, tables=tables, reached=reached)

    def _reached(self) -> Callable[[Failpoint], None]:
        countdown = Countdown(self.hit)

        def reached(found: Failpoint) -> None:
            if found.value == self.point and countdown.is_the_one():
                say(Path(self.said), {"point": self.point, "hit": self.hit, "pid": os.getpid()})
                os.kill(os.getpid(), signal.Signals[f"SIG{self.signal_name}"])

        return reached


def say(place: Path, what: dict[str, object]) -> None:
    """One line that is on disk before anything else happens."""
    with place.open("a") as file:
        file.write(json.dumps(what) + "\n")
        file.flush()
        os.fsync(file.fileno())


def reasons(error: SerializableErrorInfo | None) -> Iterator[str]:
    """The first line of an error, and of all that caused it."""
    while error is not None:
        yield error.message.splitlines()[0]
        error = error.cause


@click.command()
@click.option("--point", default="", help="a failpoint's name; none: never")
@click.option("--hit", type=int, default=1, help="at which time")
@click.option("--signal", "signal_name", type=click.Choice(["KILL", "STOP"]), default="KILL")
@click.option("--said", required=True, help="file to append to")
@click.option("--batch-rows", type=int, default=200_000)
def main(point: str, hit: int, signal_name: str, said: str, batch_rows: int) -> None:
    """One lease, as Dagster runs it."""
    declared = pipeline_with_contracts(catalog().pipelines[PIPELINE], read_settings().schema_dir)
    pipeline = replace(declared, streams=tuple(replace(s, batch_rows=batch_rows) for s in declared.streams))
    schemas = readable_schemas(read_settings().schema_dir, pipeline.stream_names)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    platform = FailingPlatform(point=point, hit=hit, signal_name=signal_name, said=said)
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [pipeline_assets(pipeline, hourly(pipeline.since), schemas)],
            instance=instance,
            resources={"platform": platform},
            partition_key=partition_of(hour),
            tags={LEASE_TAG: PIPELINE},
            raise_on_error=False,
        )
        failures = [e.event_specific_data for e in done.all_events if e.is_failure and e.is_step_event]
    error = " because ".join(reasons(getattr(failures[0], "error", None))) if failures else ""
    causes = " ".join(type_name for type_name in ("FencedError", "StaleError") if type_name in str(failures))
    say(Path(said), {"ended": done.success, "error": error, "causes": causes})


if __name__ == "__main__":
    main()
