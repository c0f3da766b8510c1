"""Instants as people type them."""

from datetime import UTC, datetime
from typing import Any

import click

from analytics_platform.cli.logs import Span


class Instant(click.ParamType):
    """An instant: ISO 8601, UTC unless it says otherwise."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The instant; fails with an example."""
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no instant; say 2026-11-20T14:00 (UTC)", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


class Until(click.ParamType):
    """An instant, or how long from now: 2h."""

    name = "until"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The instant; fails with an example unless it is in the future."""
        now = datetime.now(UTC)
        is_span = str(value)[:-1].isdigit()
        until = now + Span().convert(value, param, ctx) if is_span else Instant().convert(value, param, ctx)
        if until <= now:
            self.fail(f"{value!r} is over; say 2h, or an instant to come", param, ctx)
        return until
