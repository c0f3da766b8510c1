"""Ten models below one broken column and three that do not read it: the ten stop, the three go on, one alert.

A real broker, a real Postgres, real tables, a real Alertmanager. A producer writes bids; two of a batch have a price
that the contract forbids, with `freeze_models`. Ten read the price in as many ways: in a sum, a maximum, a filter, a
`having`, the order of a choice, through a common table, through another model. What each of the thirteen holds is
compared with an oracle in plain Python that knows only what was produced. A second, independent fault must be a second
alert. When people have taken both batches back, all thirteen must be what the good bids come to, and no alert stand.
"""

import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics_platform.alerts.alertmanager import Alertmanager
from analytics_platform.alerts.deliver import deliver
from analytics_platform.facts import BatchId
from analytics_platform.lake.lineage import column_lineage
from analytics_platform.ledger.postgres import publication, rework
from analytics_platform.ledger.postgres.frozen import frozen_now
from analytics_platform.ledger.rework import Kind, Order
from analytics_platform.pipeline.known import known_of
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Catalog
from analytics_platform_tests.brokers import fresh_database, running_kafka, running_postgres
from analytics_platform_tests.pipeline.house import SCHEMAS
from analytics_platform_tests.proofs.alarms import Alarms, await_that, running_alarms
from analytics_platform_tests.proofs.frozen_house import HELD, TEN, THREE, Bid, FrozenPlace, expected, held
from analytics_platform_tests.proofs.house_lease import work
from analytics_platform_tests.proofs.report import ROOT, Report

BIDS = 60  # of each batch


def prove(report: Report) -> None:
    """Break a column, look, break another, decide."""
    with tempfile.TemporaryDirectory(prefix="quality-2-") as name:
        folder = Path(name)
        with (
            running_kafka(folder / "kafka", ROOT / ".state" / "jars") as kafka,
            running_postgres(folder / "postgres") as postgres,
            running_alarms(report, folder / "alertmanager") as alarms,
        ):
            with fresh_database(postgres) as dsn:
                place = FrozenPlace(dsn=dsn, folder=folder / "frozen", bootstrap=kafka.bootstrap, suffix="q2-frozen")
                _freeze(report, place, alarms)
            with fresh_database(postgres) as dsn:
                place = FrozenPlace(dsn=dsn, folder=folder / "held", bootstrap=kafka.bootstrap, suffix="q2-held")
                _planted(report, replace(place, contract=HELD))


class _House:
    """A place, its open parts, and the bids that were produced, by batch."""

    def __init__(self, place: FrozenPlace, parts: Parts, chance: random.Random) -> None:
        self.place, self.parts, self._chance = place, parts, chance
        self.batches: list[list[Bid]] = []

    def produce(self, **broken: Any) -> None:
        """One batch: good bids, and two in which a column is broken."""
        number = len(self.batches)
        bids = [self._bid(f"{number:02}-{n:03}") for n in range(BIDS)]
        if broken:
            bids += [replace(self._bid(f"{number:02}-x{n}"), **broken) for n in range(2)]
        self.batches.append(bids)
        self.place.append("bids", number % 2, [bid.record() for bid in bids])
        work(self.parts, f"lease {number}")

    def good(self, *without: int) -> list[Bid]:
        """All bids but those of some batches."""
        return [bid for number, bids in enumerate(self.batches) if number not in without for bid in bids]

    def decide(self, kind: Kind, number: int) -> None:
        """A person's word about a batch, carried out."""
        order = Order(
            pipeline=self.parts.pipeline.name,
            kind=kind,
            requested_by="proof",
            reason="a broken column",
            requested_at=datetime.now(UTC),
            batches=(BatchId(stream="bids", number=number + 1),),
        )
        rework.give(self.parts.ledger, order)
        work(self.parts, f"{kind} {number}")

    def versions(self) -> dict[str, int]:
        """By model, the version that readers see."""
        found = publication.published_versions(self.parts.ledger, self.parts.pipeline.name)
        return {name: found[name] for name in self.parts.pipeline.model_names}

    def _bid(self, name: str) -> Bid:
        at = self._chance.uniform(20, 40) + 20 * len(self.batches)  # so that no window that it belongs to is over
        return Bid(name=name, auction=self._chance.randint(1, 9), at=round(at, 3), price=self._chance.randint(1, 99))


Alerts = Callable[[], list[dict[str, Any]]]


def _freeze(report: Report, place: FrozenPlace, alarms: Alarms) -> None:
    place.create()
    with place.parts() as parts:
        house = _House(place, parts, random.Random(report.seed))
        known = known_of(Catalog(pipelines={parts.pipeline.name: parts.pipeline}), SCHEMAS)

        def alerts() -> list[dict[str, Any]]:
            problems = deliver(parts.ledger, [Alertmanager(url=alarms.url)], known, datetime.now(UTC))
            assert not problems, problems
            return alarms.standing()

        report.step("a good batch")
        house.produce()
        report.claim("all thirteen hold what the oracle says", held(parts) == expected(house.good()))
        report.claim("nothing is alarmed", not alerts())
        _one_fault(report, house, alerts)
        _two_faults(report, house, alerts)
        _decided(report, house, alarms, alerts)


def _one_fault(report: Report, house: _House, alerts: Alerts) -> None:
    before, versions = held(house.parts), house.versions()
    report.step("a batch with two impossible prices")
    house.produce(price=10**6)
    silver = house.parts.tables.by_name["bids/silver"]
    now, wanted = held(house.parts), expected(house.good())
    report.claim("silver is published with all of it", silver.rows() == len(house.good()))
    stopped = sorted(name for name, version in house.versions().items() if version == versions[name])
    report.claim(f"the ten keep their last version {_other(stopped, TEN)}", stopped == TEN)
    report.claim("and hold what they held", all(now[name] == before[name] for name in TEN))
    went_on = sorted(name for name in now if now[name] == wanted[name] != before[name] or name == "windows")
    report.claim(f"the three go on, by the oracle {_other(went_on, THREE)}", went_on == THREE)
    (alert, *others) = alerts()
    report.claim("one alert", not others and alert["labels"]["cause"] == "price")
    report.claim("it names the ten", alert["annotations"]["frozen"].split(", ") == TEN)
    report.step("three good batches more")
    for _ in range(3):
        house.produce()
    now, wanted = held(house.parts), expected(house.good())
    report.claim("the ten still hold what they held", all(now[name] == before[name] for name in TEN))
    report.claim("the three go on", all(now[name] == wanted[name] for name in THREE))
    report.claim("still one alert", [a["fingerprint"] for a in alerts()] == [alert["fingerprint"]])


def _two_faults(report: Report, house: _House, alerts: Alerts) -> None:
    report.step("a second fault: auctions that cannot be")
    house.produce(auction=10**9)
    causes = sorted(alert["labels"]["cause"] for alert in alerts())
    report.claim(f"two independent faults are two alerts: {causes}", causes == ["auction", "price"])
    frozen = {each.model for each in frozen_now(house.parts.ledger)}
    report.claim("who reads the auction stops as well, who reads neither goes on", frozen == {*TEN, "lots"})
    now, wanted = held(house.parts), expected(house.good())
    report.claim("and is right", all(now[name] == wanted[name] for name in ("counts", "windows")))


def _decided(report: Report, house: _House, alarms: Alarms, alerts: Alerts) -> None:
    report.step("the first broken batch is retracted, then the second one")
    house.decide(Kind.RETRACT, 1)
    causes = [alert["labels"]["cause"] for alert in alerts()]
    report.claim("one of two is over", causes == ["auction"])
    wanted = expected(house.good(1))
    free = sorted(set(TEN) - {"winners"})
    now = held(house.parts)
    report.claim("who reads the price alone has recomputed all that it missed", all(now[n] == wanted[n] for n in free))
    house.decide(Kind.RETRACT, 5)
    report.claim("then all thirteen are what the good bids come to", held(house.parts) == expected(house.good(1, 5)))
    report.claim("nothing is frozen, nothing stands", not frozen_now(house.parts.ledger) and not alerts())
    house.decide(Kind.RELEASE, 1)
    report.claim("a retracted batch that is released counts after all", held(house.parts) == expected(house.good(5)))
    both = {("price", "resolved"), ("auction", "resolved")}
    await_that(lambda: both <= alarms.notified().keys(), "the receiver is told that both are over")
    report.figure("notifications", {" ".join(k): v for k, v in alarms.notified().items()})
    causes = {cause for cause, _ in alarms.notified()}
    report.claim("who is behind Alertmanager was told of two causes in all", causes == {"price", "auction"})


def _planted(report: Report, place: FrozenPlace) -> None:
    """What the claims would see of two wrong ways."""
    report.step("planted: a check that holds the batch; freezing by the lineage of values alone")
    place.create()
    with place.parts() as parts:
        house = _House(place, parts, random.Random(report.seed))
        house.produce()
        house.produce(price=10**6)
        counts = held(parts)["counts"]
        report.claim("noticed: with a held batch the three do not go on", counts != expected(house.good())["counts"])
        columns = {name: schema.names for name, schema in parts.tables.input_columns.items()}
        by_value = _below_by_value(parts, columns)
        report.figure("models that lineage of values would stop", by_value)
        report.claim("noticed: it would let some of the ten go on", set(by_value) < set(TEN))


def _below_by_value(parts: Parts, columns: dict[str, list[str]]) -> list[str]:
    broken = {("bids", "price")}
    for model in parts.pipeline.models:
        for column, origins in column_lineage(model, {name: columns[name] for name in model.inputs}).items():
            if broken & set(origins):
                broken.add((model.name, column))
    return sorted({table for table, _ in broken} - {"bids"})


def _other(found: list[str], wanted: list[str]) -> str:
    """What is wrong with a list, for the claim's sentence."""
    return "" if found == wanted else f"(but {sorted(set(found) ^ set(wanted))})"
