"""Every setting, read once, by a function: environment, then the running instance's file, then a default."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from psycopg.pq import Conninfo

from analytics_platform.connection_string import VERIFY_REMEDY, as_login, connection_parts, masked, unverified_host
from analytics_platform.errors import SettingError
from analytics_platform.product import EARLIEST

PREFIX = "AP_"
ADMIN_TOKEN = "admin-token"  # within the state folder
ROOT = Path(__file__).resolve().parent.parent
SECRET = {"secret": True}
PERSONAL = {"personal": True}  # belongs to who types, not to the instance
DAGSTER_SCHEME = "postgresql+psycopg2://"  # a bare postgresql:// would make SQLAlchemy look for another driver


class LedgerRole(StrEnum):
    """As whom a part of ours reaches the ledger; ledger/roles.sql says what each may do."""

    PLANNER = "planner"
    WORKER = "worker"
    SERVICE = "service"
    READER = "reader"

    @property
    def in_database(self) -> str:
        """The role's name in Postgres, where roles belong to a whole server."""
        return f"ap_{self}"


class KafkaProtocol(StrEnum):
    """How Kafka is spoken to, in Kafka's own words; nothing that sends a password in the clear."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"  # TLS, and a certificate says who we are
    SASL_SSL = "SASL_SSL"  # TLS, and a password does


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The platform's settings; each is the environment variable AP_<NAME>."""

    state_dir: Path = field(metadata={"about": "everything this instance keeps on disk"})
    table_dir: Path = field(metadata={"about": "where the Delta tables live"})
    key_dir: Path = field(
        metadata={"about": "where keys of personal data lie: apart from the state folder and its backups"}
    )
    schema_dir: Path = field(metadata={"about": "the folder of schemas/"})
    schema_writes: str = field(
        metadata={"about": "how the registry changes schemas/: commit, or patch where it may not"}
    )
    jar_dir: Path = field(metadata={"about": "where the embedded broker's jars are kept"})
    kafka_bootstrap: str = field(metadata={"about": "host:port of a broker"})
    kafka_protocol: KafkaProtocol = field(
        metadata={"about": "SSL, SASL_SSL, or PLAINTEXT where nobody is asked who they are"}
    )
    kafka_ca_file: str = field(metadata={"about": "which authorities to trust, PEM; empty: those of the system"})
    kafka_certificate_file: str = field(
        metadata={"about": "the certificate to show, PEM, with its key; {part} is the name of the part that connects"}
    )
    kafka_key_file: str = field(metadata={"about": "the certificate's key, where that is in a file of its own"})
    kafka_user: str = field(metadata={"about": "the user of SASL_SSL (SCRAM-SHA-512)"})
    kafka_password_file: str = field(metadata={"about": "the file that holds the user's password"})
    ledger_dsn: str = field(repr=False, metadata={"about": "Postgres of the ledger, as a libpq URL", **SECRET})
    planner_dsn: str = field(repr=False, metadata={"about": "the same, as the planner; empty: derived", **SECRET})
    worker_dsn: str = field(repr=False, metadata={"about": "the same, as a run; empty: derived", **SECRET})
    service_dsn: str = field(repr=False, metadata={"about": "the same, as the service; empty: derived", **SECRET})
    reader_dsn: str = field(repr=False, metadata={"about": "the same, as a reader; empty: derived", **SECRET})
    postgres_plain_loopback: bool = field(
        metadata={"about": "whether a Postgres at 127.0.0.1 may go without TLS: for tests and tunnels"}
    )
    dagster_postgres_url: str = field(
        repr=False, metadata={"about": "Postgres of Dagster, postgresql+psycopg2://…", **SECRET}
    )
    lease_seconds: float = field(metadata={"about": "how long a run keeps its lease"})
    quiet_seconds: float = field(metadata={"about": "silence after which a run ends early"})
    cycle_seconds: float = field(metadata={"about": "least time between two cycles of a lease"})
    since: datetime = field(metadata={"about": "the first hour that Dagster shows; a pipeline may be declared later"})
    base_port: int = field(metadata={"about": "first port of `ap up`: the UI; the others follow"})
    events_per_second: float = field(metadata={"about": "what the auction house produces under `ap up`"})
    least_free_percent: float = field(metadata={"about": "below this share of free disk, producer and ingestion hold"})
    retention_hours: int = field(metadata={"about": "how long tables keep rows; 0 keeps them for ever"})
    event_days: int = field(metadata={"about": "how long Dagster's database keeps what runs said of their steps"})
    stock: bool = field(
        metadata={"about": "Dagster's own launcher, coordinator and cadence, kafka-python's own records"}
    )
    token: str = field(repr=False, metadata={"about": "who you are: a token of `ap token issue`", **SECRET, **PERSONAL})
    token_file: str = field(metadata={"about": "the file that holds it, instead", **PERSONAL})
    ui_user_header: str = field(metadata={"about": "the header in which a proxy before the UI names who signed in"})
    read_only_ui: bool = field(
        metadata={"about": "whether `ap up` starts a second UI, in which nobody can start anything"}
    )
    log_level: str = field(metadata={"about": "DEBUG, INFO, WARNING or ERROR"})
    alertmanager_url: str = field(metadata={"about": "Alertmanager's address; empty: alerts are not sent there"})
    alert_webhook_url: str = field(
        repr=False, metadata={"about": "where alerts are posted, signed; empty: nowhere", **SECRET}
    )
    alert_webhook_secret: str = field(repr=False, metadata={"about": "what signs them; the receiver's, too", **SECRET})

    def ledger_as(self, role: LedgerRole) -> str:
        """The ledger's connection string for that role: the one given, else that of `ledger_dsn` with its login.

        Where that names no password file which has others beside it, everybody is who it says.
        """
        return getattr(self, f"{role}_dsn") or as_login(self.ledger_dsn, role.in_database)

    @property
    def retention(self) -> timedelta | None:
        """How long tables keep rows at most; None for ever."""
        return timedelta(hours=self.retention_hours) if self.retention_hours else None

    @property
    def patch_dir(self) -> Path:
        """Where changes of schemas wait that may not be committed here."""
        return self.state_dir / "schema-patches"

    @property
    def admin_token_file(self) -> Path:
        """The token of whoever owns this instance: what they are known by where they show none."""
        return self.state_dir / ADMIN_TOKEN


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
    """Read every setting; raises SettingError for one that cannot be parsed, or would reach Postgres unprotected."""
    values = {name: value for name, (value, _) in _resolve(_environ(environ)).items()}
    kinds = {f.name: f.type for f in fields(Settings)}
    settings = Settings(**{name: _parse(name, values[name], kinds[name]) for name in kinds})
    _require_verified(settings)
    return settings


def explain_settings(environ: Mapping[str, str] | None = None) -> list[Sourced]:
    """Every setting with its source; secrets masked."""
    resolved = _resolve(_environ(environ))
    return [
        Sourced(
            f.name,
            masked(resolved[f.name][0]) if f.metadata.get("secret") else resolved[f.name][0],
            resolved[f.name][1],
            f.metadata["about"],
        )
        for f in fields(Settings)
    ]


def as_environment(settings: Settings) -> dict[str, str]:
    """The environment that makes a child process read these very settings; what is somebody's own stays theirs."""
    kept = [f.name for f in fields(Settings) if not f.metadata.get("personal")]
    return environment_of({name: str(getattr(settings, name)) for name in kept})


def environment_of(values: Mapping[str, str]) -> dict[str, str]:
    """Values by setting, as variables."""
    return {PREFIX + name.upper(): value for name, value in values.items()}


def personal_variables() -> list[str]:
    """The variables that belong to who types, and to no process that is started for everybody."""
    return [PREFIX + f.name.upper() for f in fields(Settings) if f.metadata.get("personal")]


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
        "key_dir": f"{state_dir}.keys",
        "schema_dir": str(ROOT / "schemas"),
        "schema_writes": "commit",
        "jar_dir": str(state_dir / "jars"),
        "kafka_bootstrap": "127.0.0.1:9092",
        "kafka_protocol": "SSL",
        "kafka_ca_file": "",
        "kafka_certificate_file": "",
        "kafka_key_file": "",
        "kafka_user": "",
        "kafka_password_file": "",
        "ledger_dsn": "postgresql:///platform",
        "planner_dsn": "",
        "worker_dsn": "",
        "service_dsn": "",
        "reader_dsn": "",
        "postgres_plain_loopback": "false",
        "dagster_postgres_url": f"{DAGSTER_SCHEME}/dagster",
        "lease_seconds": "60",
        "quiet_seconds": "2",
        "cycle_seconds": "0.4",
        "since": str(EARLIEST),
        "base_port": "3000",
        "events_per_second": "500",
        "least_free_percent": "10",
        "retention_hours": "0",
        "event_days": "7",
        "stock": "false",
        "token": "",
        "token_file": "",
        "ui_user_header": "",
        "read_only_ui": "false",
        "log_level": "INFO",
        "alertmanager_url": "",
        "alert_webhook_url": "",
        "alert_webhook_secret": "",
    }


def _parse(name: str, value: str, kind: Any) -> Any:
    try:
        return {datetime: _instant, bool: _truth, KafkaProtocol: _protocol}.get(kind, kind)(value)
    except ValueError as error:
        raise SettingError(name, f"{value!r} is no {kind.__name__}", f"set {PREFIX}{name.upper()}") from error


def libpq_defaults() -> dict[str, str]:
    """What libpq adds to every connection string: PGHOST, PGSSLMODE and the like, as far as they are set."""
    return {o.keyword.decode(): o.val.decode() for o in Conninfo.get_defaults() if o.val}


def _require_verified(settings: Settings) -> None:
    """No setting may lead to a Postgres elsewhere without looking at its certificate, or to another driver."""
    if not settings.dagster_postgres_url.startswith(DAGSTER_SCHEME):
        raise SettingError("dagster_postgres_url", "names another driver", f"begin it with {DAGSTER_SCHEME}")
    defaults = libpq_defaults()
    for name in ("ledger_dsn", *(f"{role}_dsn" for role in LedgerRole), "dagster_postgres_url"):
        parts = connection_parts(getattr(settings, name))  # one that cannot be parsed is refused by whoever connects
        host = unverified_host(defaults | parts, plain_loopback=settings.postgres_plain_loopback) if parts else None
        if host:
            raise SettingError(name, f"reaches {host} without verifying its certificate", VERIFY_REMEDY)


def _truth(text: str) -> bool:
    """Yes or no, as people write it; `bool` takes any word for yes."""
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.strip().lower() not in words:
        raise ValueError(text)
    return words[text.strip().lower()]


def _protocol(text: str) -> KafkaProtocol:
    return KafkaProtocol(text.strip().upper())


def _instant(text: str) -> datetime:
    """An ISO 8601 instant; one without a zone is UTC."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
