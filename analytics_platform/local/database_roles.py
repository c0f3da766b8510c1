"""Who may log in to the embedded Postgres: roles, and passwords in files that only their owner can read.

Nobody types these passwords, and no setting, list of processes or log holds one: a connection string names the file.
"""

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from analytics_platform.security.private_file import write_private
from analytics_platform.settings import LedgerRole

OWNER = "platform"  # of the server and the ledger: migrates it, and mends it from the command line
DAGSTER = "dagster"  # of Dagster's database, and of nothing else
LOGINS = (OWNER, DAGSTER, *(role.in_database for role in LedgerRole))
HBA = "local all all scram-sha-256\n"
MARK = "analytics-platform.roles"  # in the data: which passwords this server has, as a digest of all of them
PASSWORD_BYTES = 32
# Stretching makes guessing dear; of 256 random bits nothing is guessed. 4,096 cost 3 ms of CPU a connection (measured),
# and Dagster makes one for each event that it writes.
ITERATIONS = 1
ROLE = "do $$ begin if to_regrole('{0}') is null then create role {0}; end if; end $$;"
LOGIN = "alter role {0} login password '{1}';"
DATABASE = "alter database {0} owner to {0};", "revoke all on database {0} from public;"
# What an earlier version made in Dagster's database is the owner's of the server. One line: a line is a command.
INHERIT = (
    "do $$ declare found record; begin "
    "for found in select oid::regclass as name from pg_class where relnamespace = 'public'::regnamespace "
    "and relkind in ('r', 'p', 'v', 'm') "
    "loop execute format('alter table %s owner to {0}', found.name); end loop; end $$;"
)


def password_file(folder: Path, login: str) -> Path:
    """Where libpq finds that login's password."""
    return folder / "passwords" / login


def make_passwords(folder: Path) -> dict[str, str]:
    """By login, the password in its file; those that are not there yet are made."""
    (folder / "passwords").mkdir(mode=0o700, exist_ok=True)
    return {login: _kept_password(password_file(folder, login), login) for login in LOGINS}


def are_set(data: Path, passwords: dict[str, str]) -> bool:
    """Whether the server of that data has those roles and passwords: other data may have been put in its place."""
    mark = data / MARK
    return mark.exists() and mark.read_text() == _digest(passwords)


def note_set(data: Path, passwords: dict[str, str]) -> None:
    """Remember in the data that it has them."""
    write_private(data / MARK, _digest(passwords).encode())


def role_commands(passwords: dict[str, str]) -> str:
    """SQL that gives each login its role and password, however far it was given before. Pure but for the salts."""
    commands = [ROLE.format(login) for login in passwords]
    commands += [
        LOGIN.format(login, verifier(password, secrets.token_bytes(16))) for login, password in passwords.items()
    ]
    return "\n".join([*commands, *(command.format(DAGSTER) for command in DATABASE), ""])


def inherit_commands() -> str:
    """SQL for Dagster's database: everything in it is its own."""
    return INHERIT.format(DAGSTER) + "\n"


def verifier(password: str, salt: bytes) -> str:
    """What Postgres keeps in a password's place; the password itself never reaches the server. Pure.

    Source: RFC 5803; the form is that of `pg_authid.rolpassword`.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _kept_password(path: Path, login: str) -> str:
    start = f"*:*:*:{login}:"  # the form of libpq's .pgpass
    found = path.read_text().strip().removeprefix(start) if path.exists() else ""
    if len(found) != 2 * PASSWORD_BYTES:
        found = secrets.token_hex(PASSWORD_BYTES)
        write_private(path, f"{start}{found}\n".encode())
    return found


def _digest(passwords: dict[str, str]) -> str:
    return hashlib.sha256("\n".join(f"{login}:{passwords[login]}" for login in LOGINS).encode()).hexdigest()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
