"""Every setting, read once, by a function: environment, then the running instance's file, then a default."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics_platform.errors import SettingError
from analytics_platform.product import EARLIEST

PREFIX = "AP_"
ROOT = Path(__file__).resolve().parent.parent
SECRET = {"secret": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The platform's settings; each is the environment variable AP_<NAME>."""

    state_dir: Path = field(metadata={"about": "everything this instance keeps on disk"})
    table_dir: Path = field(metadata={"about": "where the Delta tables live"})
    schema_dir: Path = field(metadata={"about": "the folder of schemas/"})
    jar_dir: Path = field(metadata={"about": "where the embedded broker's jars are kept"})
    kafka_bootstrap: str = field(metadata={"about": "host:port of a broker"})
    ledger_dsn: str = field(metadata={"about": "Postgres of the ledger, as a libpq URL", **SECRET})
    dagster_postgres_url: str = field(metadata={"about": "Postgres of Dagster, postgresql+psycopg2://…", **SECRET})
    lease_seconds: float = field(metadata={"about": "how long a run keeps its lease"})
    quiet_seconds: float = field(metadata={"about": "silence after which a run ends early"})
    cycle_seconds: float = field(metadata={"about": "least time between two cycles of a lease"})
    since: datetime = field(metadata={"about": "the first hour that Dagster shows; a pipeline may be declared later"})
    base_port: int = field(metadata={"about": "first port of `ap up`: the UI; the others follow"})
    events_per_second: float = field(metadata={"about": "what the auction house produces under `ap up`"})
    least_free_percent: float = field(metadata={"about": "below this share of free disk, producer and ingestion hold"})
    retention_hours: int = field(metadata={"about": "how long tables keep rows; 0 keeps them for ever"})
    log_level: str = field(metadata={"about": "DEBUG, INFO, WARNING or ERROR"})


@dataclass(frozen=True, slots=True)
class Sourced:
    """A setting's value and where it came from."""

    name: str
    value: str
    source: str
    about: str


def instance_file(state_dir: Path) -> Path:
    """Where a running instance leaves the settings it was started with."""
    return state_dir / "instance.json"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read every setting; raises SettingError for one that cannot be parsed."""
    values = {name: value for name, (value, _) in _resolve(_environ(environ)).items()}
    kinds = {f.name: f.type for f in fields(Settings)}
    return Settings(**{name: _parse(name, values[name], kinds[name]) for name in kinds})


def explain_settings(environ: Mapping[str, str] | None = None) -> list[Sourced]:
    """Every setting with its source; secrets masked."""
    resolved = _resolve(_environ(environ))
    return [
        Sourced(
            f.name,
            _mask(resolved[f.name][0]) if f.metadata.get("secret") else resolved[f.name][0],
            resolved[f.name][1],
            f.metadata["about"],
        )
        for f in fields(Settings)
    ]


def as_environment(settings: Settings) -> dict[str, str]:
    """The environment that makes a child process read these very settings."""
    return {PREFIX + f.name.upper(): str(getattr(settings, f.name)) for f in fields(Settings)}


def _environ(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environ is None else environ


def _resolve(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    state_dir = environ.get(PREFIX + "STATE_DIR", str(ROOT / ".state"))
    instance = _instance(Path(state_dir))
    resolved = {}
    for name, default in _defaults(Path(state_dir)).items():
        variable = PREFIX + name.upper()
        if variable in environ:
            resolved[name] = (environ[variable], f"environment {variable}")
        elif variable in instance:
            resolved[name] = (instance[variable], str(instance_file(Path(state_dir))))
        else:
            resolved[name] = (default, "default")
    return resolved


def _instance(state_dir: Path) -> dict[str, str]:
    path = instance_file(state_dir)
    try:
        return json.loads(path.read_text())["environment"] if path.exists() else {}
    except (ValueError, KeyError, OSError) as error:
        raise SettingError("state_dir", f"{path} cannot be read: {error}", "run `ap down`, then `ap up`") from error


def _defaults(state_dir: Path) -> dict[str, str]:
    return {
        "state_dir": str(state_dir),
        "table_dir": str(state_dir / "tables"),
        "schema_dir": str(ROOT / "schemas"),
        "jar_dir": str(state_dir / "jars"),
        "kafka_bootstrap": "127.0.0.1:9092",
        "ledger_dsn": "postgresql:///platform",
        "dagster_postgres_url": "postgresql+psycopg2:///dagster",
        "lease_seconds": "60",
        "quiet_seconds": "2",
        "cycle_seconds": "1",
        "since": str(EARLIEST),
        "base_port": "3000",
        "events_per_second": "500",
        "least_free_percent": "10",
        "retention_hours": "0",
        "log_level": "INFO",
    }


def _parse(name: str, value: str, kind: Any) -> Any:
    try:
        return _instant(value) if kind is datetime else kind(value)
    except ValueError as error:
        raise SettingError(name, f"{value!r} is no {kind.__name__}", f"set {PREFIX}{name.upper()}") from error


def _instant(text: str) -> datetime:
    """An ISO 8601 instant; one without a zone is UTC."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _mask(url: str) -> str:
    """Hide the password of a URL: postgresql://user:***@host/db."""
    head, separator, tail = url.rpartition("@")
    scheme, _, credentials = head.partition("://")
    return f"{scheme}://{credentials.partition(':')[0]}:***@{tail}" if separator else url
