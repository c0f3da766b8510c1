"""Connection strings of Postgres: their parts, whether a host must prove who it is, how they are shown. Pure."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import PurePosixPath
from urllib.parse import quote, urlencode

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

DRIVER_SCHEME = re.compile(r"^(postgres(?:ql)?)\+\w+://")
HIDDEN = "***"
HIDDEN_PARTS = ("password", "sslpassword", "oauth_client_secret")
VERIFIED = "verify-full"  # the one sslmode that looks at the certificate's chain and at the name in it
VERIFY_REMEDY = (
    "add sslmode=verify-full and sslrootcert=/path/to/ca.pem (sslrootcert=system for a public CA) to the string; "
    "a Unix socket needs neither"
)


def connection_parts(dsn: str) -> dict[str, str] | None:
    """The parts of a libpq string or URL; None where it is malformed, or a piece of the password may pass for a host.

    No error is raised or chained here: libpq quotes what it cannot parse, passwords included.
    """
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(libpq_url(dsn)).items()}
    except ProgrammingError:
        return None
    _, is_url, tail = dsn.partition("://")
    authority, _, rest = tail.partition("/")
    if is_url and (tail.count("@") > 1 or (rest.count("@") and "@" not in authority)):
        return None  # an unescaped @ or / in the password: libpq then takes a piece of it for a host, port or database
    if not parts.get("port", "").replace(",", "").isdigit() and "port" in parts:
        return None
    host, database = parts.get("host", ""), parts.get("dbname", "")
    is_plain = host.startswith("/") or not set(host) & set("@/")
    return parts if is_plain and not set(database) & set("@/=") else None


def libpq_url(sqlalchemy_url: str) -> str:
    """The URL without SQLAlchemy's driver, as libpq reads it."""
    return DRIVER_SCHEME.sub(r"\1://", sqlalchemy_url)


def as_login(dsn: str, login: str) -> str:
    """The same string for another login, whose password file lies beside the one that the string names.

    That is told by the file's name: it is that of the string's own login. The string itself where it is not so.
    """
    parts = connection_parts(dsn) or {}
    passwords = PurePosixPath(parts.get("passfile", ""))
    if not passwords.name or passwords.name != parts.get("user"):
        return dsn
    return make_conninfo("", **(parts | {"user": login, "passfile": str(passwords.with_name(login))}))


def unverified_host(parts: Mapping[str, str], *, plain_loopback: bool) -> str | None:
    """The host that would be reached without looking at its certificate; None if there is none.

    A Unix socket is no host. `plain_loopback` lets one on this very machine pass. A service file may name any host, and
    is not read here: it counts as one.
    """
    if "service" in parts:
        return f"service {parts['service']}"
    given = [*parts.get("host", "").split(","), *parts.get("hostaddr", "").split(",")]
    hosts = [host for host in given if host and not host.startswith(("/", "@"))]
    if parts.get("sslmode") == VERIFIED or (plain_loopback and all(map(_is_loopback, hosts))):
        return None
    return next(iter(hosts), None)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def masked(dsn: str) -> str:
    """Hide the passwords of a connection string: postgresql://user:***@host/db; all of it when not understood."""
    if not dsn:
        return dsn
    parts = connection_parts(dsn)
    if parts is None:
        return HIDDEN
    shown = {name: HIDDEN if name in HIDDEN_PARTS else value for name, value in parts.items()}
    if shown == parts:
        return dsn
    scheme, is_url, _ = dsn.partition("://")
    return _url(scheme, shown) if is_url and scheme.startswith("postgres") else make_conninfo("", **shown)


def _url(scheme: str, parts: dict[str, str]) -> str:
    rest = dict(parts)
    user, password, host = (rest.pop(name, "") for name in ("user", "password", "host"))
    port, database = rest.pop("port", ""), rest.pop("dbname", "")
    if host.startswith("/") or "," in host:  # a socket's folder, or several hosts: only a parameter can say it
        rest, host, port = {"host": host, **({"port": port} if port else {}), **rest}, "", ""
    credentials = quote(user) + (f":{password}" if password else "")
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    parameters = urlencode(rest, safe="/*,")
    return f"{scheme}://{credentials}{'@' if credentials else ''}{place}/{database}{'?' if rest else ''}{parameters}"
