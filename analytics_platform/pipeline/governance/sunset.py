"""Versions whose sunset is over and that are still written in: their producers' owner is told while it is so."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import psycopg

from analytics_platform.alerts.lasting import tell_while
from analytics_platform.ledger.postgres.metrics import newest_hours
from analytics_platform.product import Stream
from analytics_platform.quality.metrics import SCHEMA
from analytics_platform.registry.folder import read_text
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.store import read_snapshot
from analytics_platform.registry.subject_file import parse_subject
from analytics_platform.registry.subjects import home_of

KIND = "version overdue"


def look_at_sunsets(ledger: psycopg.Connection, folder: Path, streams: Iterable[Stream], now: datetime) -> None:
    """Tell of each version that rows of its stream's newest hour were written in after its sunset."""
    over = {(stream, number): sunset for stream in streams for number, sunset in _over(folder, stream, now).items()}
    measures = {row["stream"]: row["measures"] or {} for row in newest_hours(ledger, [s.name for s, _ in over])}
    snapshot, found = read_snapshot(ledger) if over else None, {}
    for (stream, number), sunset in over.items():
        subject = f"{stream.name}-value"
        version = snapshot.version(subject, number, deleted=True) if snapshot else None
        rows = measures.get(stream.name, {}).get(f"{SCHEMA}{version.text.id}", 0) if version else 0
        if rows:
            body = {"owner": stream.owner, "sunset": sunset, "rows in the newest hour": f"{rows:.0f}"}
            found[f"{subject} version {number}"] = body
    tell_while(ledger, KIND, found, now)


def _over(folder: Path, stream: Stream, now: datetime) -> dict[int, str]:
    """By number, the sunset of each deprecated version whose last day is over."""
    home = home_of(f"{stream.name}-value")
    if not (folder / home.subject_file).exists():
        return {}
    notes = parse_subject(read_text(folder, home.subject_file), home.subject_file, home.kind).versions
    return {
        number: note.sunset.isoformat()
        for number, note in notes.items()
        if note.state is VersionState.DEPRECATED and note.sunset and note.sunset < now.date()
    }
