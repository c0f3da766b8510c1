"""Makes hours for a proof: leases of a real instance in this process, whose planner's clock is some hours back.

    python -m analytics_platform_tests.proofs.injected_hours --hours 3 --seconds 20

What it works on are the usual settings (AP_*). The instance's own planner must be off meanwhile. It prints the hours.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click

from analytics_platform.definitions.resources import PlatformResource
from analytics_platform.pipeline import run_lease
from analytics_platform.products import catalog

PIPELINE = "auction_house"


@click.command()
@click.option("--hours", type=int, default=3)
@click.option("--seconds", type=float, default=20.0, help="how long each hour's lease reads what is produced")
def main(hours: int, seconds: float) -> None:
    """One lease for each hour, the oldest first; the last one is the hour before this."""
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    made = [this_hour - timedelta(hours=back) for back in range(hours, 0, -1)]
    pipeline = catalog().pipelines[PIPELINE]
    for hour in made:
        with PlatformResource().parts(pipeline, f"run hour-{hour:%H}") as parts:
            back = datetime.now(UTC) - hour
            limits = replace(parts.limits, lease_seconds=seconds)
            earlier = replace(parts, limits=limits, now=lambda back=back: datetime.now(UTC) - back)
            run_lease(earlier, f"hour-{hour:%H}", hour)
    click.echo(json.dumps([hour.isoformat() for hour in made]))


if __name__ == "__main__":
    main()
