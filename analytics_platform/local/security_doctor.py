"""`ap doctor --security`: what an instance shows to whom, and whether one of its secrets is where it should not be."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from analytics_platform.asking import given_token
from analytics_platform.local.doctor import Diagnosis
from analytics_platform.local.instance import load_instance, supervisor_pid
from analytics_platform.local.ports import HOST
from analytics_platform.security.secrets import findings, holders
from analytics_platform.settings import Settings, connection_parts, instance_file

OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
NEWEST_BYTES = 4_000_000  # of each log
NEWEST_EVENTS = "select event from event_logs order by id desc limit 5000"
LISTENING = "0A"  # in /proc/net/tcp
EVERYWHERE = {"00000000", "0" * 32}


def diagnose_security(settings: Settings) -> list[Diagnosis]:
    """Every look, the bad ones first."""
    looks: list[Callable[[Settings], Diagnosis]] = [_files, _addresses, _logs, _processes, _events, _sign_in]
    return sorted((look(settings) for look in looks), key=lambda diagnosis: diagnosis.is_well)


def secrets_of(settings: Settings) -> dict[str, str]:
    """The instance's secrets, by what they are: tokens, and the passwords of its databases."""
    own = settings.admin_token_file
    found = {
        "the owner's token": own.read_text().strip() if own.exists() else "",
        "the token that was given": given_token(settings),
        "the webhook's secret": settings.alert_webhook_secret,
    }
    for name in ("ledger_dsn", "dagster_postgres_url"):
        found[f"the password in {name}"] = (connection_parts(getattr(settings, name)) or {}).get("password", "")
    return {name: secret for name, secret in found.items() if secret}


def _files(settings: Settings) -> Diagnosis:
    private = [settings.state_dir, settings.admin_token_file, instance_file(settings.state_dir)]
    tokens = [Path(settings.token_file)] if settings.token_file else []
    there = [path for path in (*private, *tokens) if path.exists()]
    open_ = [str(path) for path in there if path.stat().st_mode & OF_OTHERS]
    what = f"open to others: {', '.join(open_)}" if open_ else f"{len(there)} files and folders are their owner's only"
    return Diagnosis(name="files", is_well=not open_, what=what, fix="chmod go= what is named")


def _addresses(settings: Settings) -> Diagnosis:
    """Ports of ours that answer from elsewhere; on systems without /proc nobody can say."""
    if supervisor_pid(settings.state_dir) is None:
        return Diagnosis(name="addresses", is_well=True, what="nothing of ours runs")
    ports = load_instance(settings.state_dir).ports
    tables = [path for path in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if path.exists()]
    everywhere = {port for table in tables for port in open_to_all(table.read_text())}
    shown = [f"{name} {port}" for name, port in ports.items() if port in everywhere]
    what = f"reachable from elsewhere: {', '.join(shown)}" if shown else f"all of ours are on {HOST}"
    return Diagnosis(name="addresses", is_well=not shown, what=what, fix="put a proxy before them, and a firewall")


def open_to_all(table: str) -> Iterator[int]:
    """The ports that a table of the kernel says are listened on at every address. Pure."""
    for line in table.splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        address, _, port = local.partition(":")
        if state == LISTENING and address in EVERYWHERE:
            yield int(port, 16)


def _logs(settings: Settings) -> Diagnosis:
    logs = [path for path in (settings.state_dir / "logs").rglob("*") if path.is_file()]
    said = [(path.name, _end_of(path)) for path in logs]
    return _search("logs", settings, said, f"{len(logs)} logs")


def _processes(settings: Settings) -> Diagnosis:
    lines = [path.read_text(errors="replace") for path in Path("/proc").glob("[0-9]*/cmdline") if _is_readable(path)]
    said = [("a process's words", line.replace("\0", " ")) for line in lines]
    return _search("processes", settings, said, f"the words of {len(said)} processes")


def _events(settings: Settings) -> Diagnosis:
    dsn = settings.dagster_postgres_url.replace("postgresql+psycopg2://", "postgresql://", 1)
    try:
        with psycopg.connect(dsn, connect_timeout=3) as connection:
            said = [("an event of a run", row[0]) for row in connection.execute(NEWEST_EVENTS)]
    except psycopg.Error:
        return Diagnosis(name="event log", is_well=True, what="not looked at: Dagster's database does not answer")
    return _search("event log", settings, said, f"the newest {len(said)} events")


def _sign_in(settings: Settings) -> Diagnosis:
    named = settings.ui_user_header
    what = f"users are named by {named}" if named else "nobody signs in to the UI: right on a machine of your own only"
    return Diagnosis(name="UI", is_well=True, what=what)


def _search(name: str, settings: Settings, said: list[tuple[str, str]], what: str) -> Diagnosis:
    known = {f"{secret} in {place}" for place, secret in holders(secrets_of(settings), said)}
    looks = {f"{found.kind} in {place}" for place, text in said for found in findings(place, text.splitlines())}
    if not (wrong := sorted(known | looks)):
        return Diagnosis(name=name, is_well=True, what=f"no secret in {what}")
    fix = "revoke or change it, and say where it came from (SECURITY.md)"
    return Diagnosis(name=name, is_well=False, what=", ".join(wrong), fix=fix)


def _end_of(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - NEWEST_BYTES))
        return file.read().decode(errors="replace")


def _is_readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return False
    return True
