"""When the certificates that our parts show, and those that they trust, are over. Reads their files."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from analytics_platform.security.certificates import expires_at
from analytics_platform.security.cluster import PART
from analytics_platform.settings import Settings

TOLD_BEFORE = timedelta(days=14)  # time to rotate in daylight; `ap up` renews what has thirty days left


def certificate_ends(settings: Settings) -> dict[str, datetime]:
    """By file name, when it is over: the first certificate of each. What cannot be read is left out."""
    shown = Path(settings.kafka_certificate_file)
    files = [*shown.parent.glob(shown.name.replace(PART, "*"))] if settings.kafka_certificate_file else []
    if settings.kafka_ca_file:
        files.append(Path(settings.kafka_ca_file))
    found = {file.name: _end(file) for file in files}
    return {name: at for name, at in sorted(found.items()) if at is not None}


def ending(ends: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
    """Those that are over, or will be soon. Pure."""
    return {name: at for name, at in ends.items() if at - now < TOLD_BEFORE}


def _end(file: Path) -> datetime | None:
    try:
        return expires_at(file.read_bytes())
    except (OSError, ValueError):
        return None
