"""Starts the producer: `python -m analytics_platform.local.auction_house --help`."""

import json
import logging
import signal
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from analytics_platform.errors import PlatformError
from analytics_platform.local.auction_house.faults import Shares
from analytics_platform.local.auction_house.options import DEFAULT_EVENT_RATE, DEFAULT_START, Options, read_topics
from analytics_platform.local.auction_house.producer import run
from analytics_platform.logs import log_as_json
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform.settings import read_settings

PRINCIPAL = "auction-house"  # as infra/kafka/access.yaml names it
SHARE = click.FloatRange(0, 1)
POSITIVE = click.FloatRange(min=0, min_open=True)
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
EXAMPLE = "Example: python -m analytics_platform.local.auction_house --rate 1000 --late 0.01 --truth .state/truth"


@click.command(epilog=EXAMPLE)
@click.option("--bootstrap", help="host:port of a broker  [default: AP_KAFKA_BOOTSTRAP]")
@click.option("--rate", type=POSITIVE, help="events per second of the wall clock")
@click.option("--flat-out", is_flag=True, help="as many as possible; needs --events")
@click.option("--events", type=click.IntRange(min=1), help="stop after so many; event times are simulated then")
@click.option("--seed", type=int, default=1, show_default=True, help="decides everything that is random")
@click.option("--late", type=SHARE, default=0.0, help="share of events that are 2 to 50 minutes late")
@click.option("--out-of-order", type=SHARE, default=0.0, help="share that is emitted up to 2000 events later")
@click.option("--duplicates", type=SHARE, default=0.0, help="share that is followed by an exact copy")
@click.option("--conflicts", type=SHARE, default=0.0, help="share that is followed by its id with another payload")
@click.option("--malformed", type=SHARE, default=0.0, help="share that cannot be decoded or breaks a row rule")
@click.option("--truth", type=FOLDER, required=True, help="folder for the truth; a bounded run wants it empty")
@click.option("--start-at", help="first event time of a bounded run, ISO 8601  [default: a fixed one]")
@click.option("--event-rate", type=POSITIVE, default=DEFAULT_EVENT_RATE, help="events per second of event time")
@click.option("--summary", type=FILE, help="write what was produced, as JSON")
@click.option("--hold-file", type=FILE, help="pause while this file exists")
def main(**given: Any) -> None:
    """Produce the events of an auction house, with planted faults and their truth."""
    options = _options(given)
    log_as_json("producer", read_settings().log_level)
    logging.getLogger("kafka").setLevel(logging.WARNING)  # it tells of every connection
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        summary = run(options, stop)
    except PlatformError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    if given["summary"] is not None:
        given["summary"].write_text(json.dumps(summary.as_json(), indent=2) + "\n")


def _options(given: dict[str, Any]) -> Options:
    if given["flat_out"] == (given["rate"] is not None):
        raise click.UsageError("name one of --rate and --flat-out")
    if given["flat_out"] and given["events"] is None:
        raise click.UsageError("--flat-out needs --events: without an end it would fill the disk")
    shares = Shares(**{name: given[name] for name in ("late", "out_of_order", "duplicates", "conflicts", "malformed")})
    if shares.total > 1:
        raise click.UsageError("the shares of faults add up to more than 1")
    settings = read_settings()
    settings = replace(settings, kafka_bootstrap=given["bootstrap"] or settings.kafka_bootstrap)
    return Options(
        cluster=cluster_of(settings, PRINCIPAL),
        truth=given["truth"],
        topics=read_topics(settings.schema_dir, KeyFiles(settings.key_dir)),
        seed=given["seed"],
        events=given["events"],
        rate=given["rate"],
        shares=shares,
        start_at=_instant(given["start_at"]) if given["start_at"] else DEFAULT_START,
        event_rate=given["event_rate"],
        hold_file=given["hold_file"],
    )


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--start-at {text}: not an ISO 8601 time, such as 2026-01-01T12:00:00Z") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
