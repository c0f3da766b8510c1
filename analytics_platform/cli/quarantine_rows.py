"""Rows of exceptions as the verbs of `ap quarantine` ask for them: filters, groups, and the rules that rows break."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

import click
import duckdb
import psycopg

from analytics_platform.cli.batch_name import BatchName
from analytics_platform.cli.times import Instant
from analytics_platform.errors import DeclarationError
from analytics_platform.facts import BatchId, Outcome
from analytics_platform.lake.quarantine import COORDINATES, GROUPED, Filter, shown, where
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import contracts
from analytics_platform.ledger.postgres.quarantine import Group, dismissed, judged_by
from analytics_platform.postgres import connect
from analytics_platform.product import Catalog, Stream
from analytics_platform.products import catalog
from analytics_platform.published import QueryError, read_table
from analytics_platform.quality.files import with_contracts
from analytics_platform.settings import Settings, read_settings

OUTCOMES = [str(outcome) for outcome in Outcome if outcome is not Outcome.PUBLISHED]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The filters of a command."""

    streams: tuple[str, ...]
    reason: str | None
    outcome: Outcome
    batches: tuple[BatchId, ...]
    since: datetime | None
    until: datetime | None

    def of(self, stream: str) -> Filter:
        """The filter of one stream's rows."""
        numbers = [batch.number for batch in self.batches if batch.stream == stream]
        return Filter(outcome=self.outcome, reason=self.reason, batches=numbers, since=self.since, until=self.until)


def filtered(verb: Callable[..., None]) -> Callable[..., None]:
    """The filters that all verbs share, given to the verb as `asked`."""

    @wraps(verb)
    def asking(
        stream: tuple[str, ...],
        reason_like: str | None,
        outcome: str,
        batch: tuple[BatchId, ...],
        since: datetime | None,
        until: datetime | None,
        **others: Any,
    ) -> None:
        asked = Asked(
            streams=stream, reason=reason_like, outcome=Outcome(outcome), batches=batch, since=since, until=until
        )
        verb(asked=asked, **others)

    for option in (
        click.option("--until", type=Instant(), help="Reached the broker before then."),
        click.option("--since", type=Instant(), help="Reached the broker then or later: 2026-11-20T14:00 (UTC)."),
        click.option("--batch", type=BatchName(), multiple=True, help="Only of this batch: bids/7. Repeat for more."),
        click.option("--outcome", type=click.Choice(OUTCOMES), default="quarantined", show_default=True),
        click.option("--reason-like", help="Only rows whose reason has this in it."),
        click.option("--stream", multiple=True, help="Only of this stream. Repeat for more."),
    ):
        asking = option(asking)
    return asking


@dataclass(frozen=True, slots=True)
class Exceptions:
    """The published rows that silver does not hold, of what is declared."""

    settings: Settings
    declared: Catalog
    ledger: psycopg.Connection

    def streams(self, asked: Asked) -> list[Stream]:
        """The declared streams that are asked for; DeclarationError for one that is not."""
        known = self.declared.streams
        names = dict.fromkeys([*asked.streams, *(batch.stream for batch in asked.batches)]) or known
        for name in names:
            if name not in known:
                raise DeclarationError(f"stream {name}", "is not declared", "see `ap stream list`")
        return [known[name] for name in names]

    def rows(self, stream: Stream, asked: Asked, *, all_: bool) -> duckdb.DuckDBPyRelation | None:
        """The rows that are asked for, without those that were given up unless `all_`; None before any publication."""
        try:
            found = read_table(self.settings, self.declared, f"{stream.name}/{Layer.EXCEPTIONS}")
        except QueryError:
            return None
        decided = set() if all_ else dismissed(self.ledger, stream.name)
        return found.filter(where(asked.of(stream.name), decided))

    def by_reason(self, asked: Asked, *, all_: bool = False) -> list[dict[str, Any]]:
        """By stream and reason, how many rows there are, and in which batches; most rows first."""
        found: list[dict[str, Any]] = []
        for stream in self.streams(asked):
            rows = self.rows(stream, asked, all_=all_)
            if rows is not None:
                counted = rows.aggregate(GROUPED, "outcome, reason").to_arrow_table().to_pylist()
                found += [{"stream": stream.name, **group} for group in counted]
        return sorted(found, key=lambda group: (-group["rows"], group["stream"], str(group["reason"])))

    def by_batch(self, stream: Stream, asked: Asked) -> list[Group]:
        """By batch and reason, how many rows wait for a decision."""
        rows = self.rows(stream, asked, all_=False)
        if rows is None:
            return []
        counted = rows.aggregate("batch, reason, count(*) as rows", "batch, reason").fetchall()
        return [Group(number=number, reason=reason, rows=count) for number, reason, count in sorted(counted)]

    def shown(self, stream: Stream, asked: Asked, most: int) -> list[dict[str, Any]]:
        """The oldest rows that are asked for, with their bytes and the rules that they break."""
        rows = self.rows(stream, asked, all_=True)
        some = rows.order(COORDINATES).limit(most).to_arrow_table().to_pylist() if rows is not None else []
        rules = self._rules(stream, sorted({row["batch"] for row in some}))
        return [{"stream": stream.name, **shown(row, rules.get(row["batch"], {}))} for row in some]

    def _rules(self, stream: Stream, numbers: Sequence[int]) -> dict[int, dict[str, str]]:
        """By batch, the row rules that it was judged by: name and SQL."""
        digests = {number: digest for number, (_, digest) in judged_by(self.ledger, stream.name, numbers).items()}
        bodies = {digest: contracts.contract(self.ledger, digest) for digest in set(digests.values()) if digest}
        return {
            number: {rule["name"]: rule["holds"] for rule in bodies[digest]["rules"]} if digest else {}
            for number, digest in digests.items()
        }


@contextmanager
def opened() -> Generator[Exceptions]:
    """Those of the running instance."""
    settings = read_settings()
    with connect(settings.ledger_dsn, application="ap quarantine") as ledger:
        yield Exceptions(settings, with_contracts(catalog(), settings.schema_dir), ledger)
