"""Dagster's processes on one machine: schema task, code server, daemon, webserver; and what its database says of them.

Nothing here imports Dagster: they are other processes, and their database is read with plain SQL.
"""

import http.client
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import psycopg

from analytics_platform.local.log import raw_file
from analytics_platform.local.ports import HOST, answers
from analytics_platform.local.process import Part
from analytics_platform.settings import ROOT

READ_ONLY = "read-only"  # the second UI, and its port
SCHEMA_NOTE = "schema-of-version"
MODULE = "analytics_platform.definitions.location"
WARM = "analytics_platform.definitions.warm"
WEBSERVER = "analytics_platform.definitions.webserver"
PREPARE = "analytics_platform.definitions.prepare:prepare"
HEARTBEAT_STALE = timedelta(seconds=90)  # the daemon writes one every 30 s
FAILURES = """
select count(*), to_timestamp(max(end_time)) from runs
 where status = 'FAILURE' and end_time > extract(epoch from now()) - 3600"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagsterPlace:
    """Where Dagster's processes run and what they are told."""

    state_dir: Path
    ports: Mapping[str, int]
    environment: Mapping[str, str]
    dsn: str
    is_stock: bool = False

    @property
    def home(self) -> Path:
        """DAGSTER_HOME."""
        return self.state_dir / "dagster"


def dagster_environment(state_dir: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """What Dagster's processes need beside our settings. Nothing phones home."""
    return {
        "DAGSTER_HOME": str(state_dir / "dagster"),
        "AP_DAGSTER_DIR": str(state_dir / "dagster"),
        "AP_CODE_SERVER_HOST": HOST,
        "AP_CODE_SERVER_PORT": str(ports["code-server"]),
        "AP_WARM_SOCKET": str(warm_socket(state_dir)),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "SODA_CORE_TELEMETRY_ENABLED": "false",
    }


def warm_socket(state_dir: Path) -> Path:
    """Where the parent of warm workers listens."""
    return state_dir / "dagster" / "warm.sock"


def prepare_home(place: DagsterPlace) -> None:
    """Make DAGSTER_HOME: the project's dagster.yaml, or its counterpart without anything of ours, linked."""
    place.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    link = place.home / "dagster.yaml"
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT / ("dagster.stock.yaml" if place.is_stock else "dagster.yaml"))


def schema_task(place: DagsterPlace) -> Part:
    """Creates or migrates Dagster's tables, once, before three processes would race to."""
    return _part(place, "dagster-schema", ["dagster", "instance", "migrate"], ready=lambda: False)


def code_server(place: DagsterPlace) -> Part:
    """Serves the definitions; runs are its children."""
    port = place.ports["code-server"]
    argv = ["dagster", "api", "grpc", "--host", HOST, "--port", str(port), "--module-name", MODULE]
    argv += ["--location-name", "analytics_platform", "--use-python-environment-entry-point", "--log-format", "json"]
    return _part(place, "code-server", argv, ready=lambda: answers(port))


def warm(place: DagsterPlace, schema_dir: Path) -> Part:
    """The parent of warm workers; it listens once it has imported everything."""
    socket = warm_socket(place.state_dir)
    argv = [WARM, "--socket", str(socket), "--module", MODULE, "--prepare", PREPARE]
    argv += [f"--watch={folder}" for folder in (ROOT / "analytics_platform", schema_dir)]
    part = _part(place, "warm", argv, ready=socket.is_socket)
    return replace(part, before=lambda: socket.unlink(missing_ok=True))


def daemon(place: DagsterPlace) -> Part:
    """Runs sensors, queue and run monitoring; it serves once its heart has beaten since it was launched."""
    argv = ["dagster._daemon", "run", "--workspace", str(ROOT / "workspace.yaml"), "--log-format", "json"]
    return _part(place, "daemon", argv, ready=lambda: _beats_since(place.dsn, _launched_at(place, "daemon")))


def webserver(place: DagsterPlace, *, is_read_only: bool = False) -> Part:
    """The UI; a read-only one shows everything and starts nothing."""
    name = READ_ONLY if is_read_only else "webserver"
    port = place.ports[name]
    argv = [WEBSERVER, "--host", HOST, "--port", str(port), "--workspace", str(ROOT / "workspace.yaml")]
    argv += ["--log-format", "json", *(["--read-only"] if is_read_only else [])]
    return _part(place, name, argv, ready=lambda: _serves(port))


def has_schema(place: DagsterPlace) -> bool:
    """Whether Dagster's database has the tables of the installed version, as far as we have noted."""
    note = place.home / SCHEMA_NOTE
    if not note.exists() or note.read_text() != version("dagster"):
        return False
    with psycopg.connect(place.dsn, connect_timeout=3) as connection:
        row = connection.execute("select to_regclass('public.alembic_version') is not null").fetchone()
    return bool(row and row[0])


def note_schema(place: DagsterPlace) -> None:
    """Remember that the schema task has ended well for the installed version."""
    (place.home / SCHEMA_NOTE).write_text(version("dagster"))


def run_counts(connection: psycopg.Connection) -> dict[str, int]:
    """Runs by status, as Dagster names it; empty before Dagster has made its tables."""
    try:
        return dict(connection.execute("select status, count(*) from runs group by 1").fetchall())
    except psycopg.errors.UndefinedTable:
        return {}


def recent_failures(connection: psycopg.Connection) -> tuple[int, datetime | None]:
    """How many runs failed in the last hour, and when the last of them did."""
    try:
        row = connection.execute(FAILURES).fetchone()
    except psycopg.errors.UndefinedTable:
        return 0, None
    return row or (0, None)


def newest_heartbeat(connection: psycopg.Connection) -> datetime | None:
    """When the daemon last said that it lives."""
    try:
        row = connection.execute("select max(timestamp) from daemon_heartbeats").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return row[0].replace(tzinfo=UTC) if row and row[0] else None


def _part(place: DagsterPlace, name: str, argv: list[str], ready: Callable[[], bool]) -> Part:
    return Part(
        name=name,
        argv=(sys.executable, "-m", *argv),
        cwd=ROOT,
        log=raw_file(place.state_dir, name),
        env=place.environment,
        ready=ready,
    )


def _serves(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _launched_at(place: DagsterPlace, name: str) -> datetime:
    """Each launch writes the part's pid anew."""
    return datetime.fromtimestamp(raw_file(place.state_dir, name).with_name(f"{name}.pid").stat().st_mtime, UTC)


def _beats_since(dsn: str, started: datetime) -> bool:
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=1) as connection:
            newest = newest_heartbeat(connection)
    except psycopg.OperationalError:
        return False
    return newest is not None and newest >= started
