"""Looks at the instance in a state folder from outside: what `ap status` reports on."""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analytics_platform.connection_string import libpq_url
from analytics_platform.errors import PlatformError
from analytics_platform.governance.readers import Unregistered
from analytics_platform.local.disk import free_percent
from analytics_platform.local.instance import load_instance, supervisor_pid
from analytics_platform.local.leftovers import find_leftovers
from analytics_platform.local.progress import Observer
from analytics_platform.local.status import Observed
from analytics_platform.local.up import PROGRESS_FILE
from analytics_platform.pipeline.governance.readers import unregistered_readers
from analytics_platform.product import Stream
from analytics_platform.products import catalog
from analytics_platform.registry.drafts import without_drafts
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.settings import Settings

log = logging.getLogger(__name__)
FRESH = timedelta(seconds=10)


def observe(settings: Settings) -> Observed:
    """Everything there is to know now; what does not answer is named in it."""
    streams = tuple(without_drafts(catalog(), settings.schema_dir).streams.values())
    observer = Observer(
        cluster=cluster_of(settings, PartName.OPERATOR),
        ledger_dsn=settings.ledger_dsn,
        dagster_dsn=libpq_url(settings.dagster_postgres_url),
        streams=streams,
    )
    with observer:
        progress = observer.look()
    return Observed(
        instance=load_instance(settings.state_dir),
        supervisor=supervisor_pid(settings.state_dir),
        leftovers=len(find_leftovers(settings.state_dir)),
        progress=progress,
        streams=streams,
        readers=() if "broker" in progress.unreachable else _readers(settings, streams),
        events_per_second=_events_per_second(settings.state_dir, progress.at),
        free_percent=free_percent(_existing(settings.state_dir)),
        least_free_percent=settings.least_free_percent,
    )


def _readers(settings: Settings, streams: Sequence[Stream]) -> list[Unregistered]:
    """Consumer groups that nobody registered; none where the broker does not say."""
    try:
        return unregistered_readers(cluster_of(settings, PartName.OPERATOR), settings.schema_dir, streams)
    except PlatformError as error:
        log.warning("readers.not_seen", extra={"reason": str(error)})
        return []


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _events_per_second(state_dir: Path, now: datetime) -> float | None:
    """What the supervisor measured last, if that was just now."""
    try:
        seen = json.loads((state_dir / PROGRESS_FILE).read_text())
    except (OSError, ValueError):
        return None
    at = datetime.fromisoformat(seen["at"]).astimezone(UTC)
    return float(seen["events_per_second"]) if now - at < FRESH else None
