"""The small auction house with a contract on its bids, worked and told of by processes of a proof's own."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg

from analytics_platform.alerts.alert import Known
from analytics_platform.alerts.alertmanager import Alertmanager
from analytics_platform.alerts.deliver import Step, deliver, fold
from analytics_platform.facts import BatchState
from analytics_platform.ledger.postgres import alert_store
from analytics_platform.postgres import connect, migrate
from analytics_platform.product import Pipeline
from analytics_platform_tests.proofs.house_lease import Place, die_at, work

KNOWN = Known(owners={"bids/silver": "team:house"}, pipelines={"bids/silver": "house"})
CONTRACT = """
dataset: platform/main/bids
columns:
  - name: price
    checks:
      - invalid: {name: prices are more than 0, valid_min: 1}
  - name: auction
    checks:
      - invalid: {name: auctions are numbered below a million, valid_max: 1000000}
checks: []
"""
PATIENT = timedelta(days=3650)  # the fake house's records are old: freshness is not what is proved here


class CheckedPlace(Place):
    """The house whose bids have a contract."""

    def pipeline(self) -> Pipeline:
        """Its streams on their own topics; bids are judged by the contract."""
        plain = super().pipeline()
        streams = [replace(s, freshness=PATIENT, contract=CONTRACT if s.name == "bids" else "") for s in plain.streams]
        return replace(plain, streams=tuple(streams))

    @contextmanager
    def ledger(self) -> Generator[psycopg.Connection]:
        """Its ledger."""
        with connect(self.dsn, application="proof") as connection:
            migrate(connection)
            yield connection

    def batches(self, state: BatchState) -> list[int]:
        """The numbers of the bids' batches in that state."""
        with self.ledger() as ledger:
            found = ledger.execute(
                "select number from batch where stream = 'bids' and state = %s order by number", [state]
            ).fetchall()
        return [number for (number,) in found]


def deliver_once(place: CheckedPlace, url: str, kill: str) -> None:
    """One delivery, killed at a step if asked to; `noted-first` notes before it tells, which nobody should."""

    def reached(step: Step) -> None:
        if step == kill:
            os.kill(os.getpid(), signal.SIGKILL)

    now = datetime.now(UTC)
    with place.ledger() as ledger:
        if kill == "noted-first":
            fold(ledger, KNOWN, now)
            found = alert_store.pending(ledger, "alertmanager", now, None)
            alert_store.delivered(ledger, "alertmanager", [(row[0], row[5]) for row in found], now)
            os.kill(os.getpid(), signal.SIGKILL)
        problems = deliver(ledger, [Alertmanager(url=url)], KNOWN, now, reached)
    if problems:
        raise SystemExit("; ".join(problems))


def work_or_deliver(place: CheckedPlace, what: str, kill: str, url: str) -> None:
    """What a process of the proof does: work, or deliver, until done or killed."""
    if what == "deliver":
        deliver_once(place, url, kill)
        return
    with place.parts(reached=die_at(f"{kill}:1" if kill else "")) as parts:
        work(parts, f"lease {kill}")
