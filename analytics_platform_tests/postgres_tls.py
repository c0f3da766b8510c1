"""A Postgres of the distribution behind TLS, where one is installed: as in production, on this machine."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from analytics_platform.local import database
from analytics_platform.local.process import Part, free_port
from analytics_platform_tests.brokers import running
from analytics_platform_tests.certificates import Authority, Issued

PLACE = Path("/usr/lib/postgresql")
HBA = "local all owner trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"  # the owner comes by the socket
SETTINGS = {"ssl": "on", "ssl_min_protocol_version": "TLSv1.2", "fsync": "off", "password_encryption": "scram-sha-256"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsPostgres:
    """One that runs; `owner` is the string of its superuser, over the socket."""

    folder: Path
    port: int
    authority: Authority
    owner: str

    def dsn(self, login: str, password: str, database: str, **others: str) -> str:
        """The string by which that login comes over TLS, unless `others` say otherwise."""
        given = {"sslmode": "verify-full", "sslrootcert": str(self.authority.certificate), **others}
        host = given.pop("host", "127.0.0.1")
        parameters = "&".join(f"{name}={quote(value)}" for name, value in given.items())
        return f"postgresql://{login}:{password}@{host}:{self.port}/{database}?{parameters}"


def binaries() -> Path | None:
    """Where the newest one's programs are; None if none is installed."""
    found = [path for path in PLACE.glob("*/bin") if (path / "initdb").exists()]
    return max(found, key=lambda path: int(path.parent.name), default=None)


@contextmanager
def running_tls_postgres(folder: Path, programs: Path) -> Generator[TlsPostgres]:
    """One on a free port of the loopback; nobody comes in without TLS and a password, but for the owner."""
    folder.mkdir(mode=0o700)
    data, authority = folder / "data", Authority.made(folder, "authority")
    prefix, owner = database.identity(folder)
    data.mkdir(mode=0o700)
    os.chown(data, owner, -1)
    initdb = (str(programs / "initdb"), "-D", str(data), "-U", "owner", "--auth=reject", "--no-sync", "--no-locale")
    subprocess.run(
        (*prefix, *initdb, "--encoding=UTF8"), env=database.ENVIRONMENT, cwd="/", check=True, stdout=subprocess.DEVNULL
    )
    (data / "pg_hba.conf").write_text(HBA)
    certify(data, authority.issue(folder, "127.0.0.1"))
    port = free_port(0)
    place = f"postgresql://owner@/postgres?host={quote(str(folder))}&port={port}"
    settings = {**SETTINGS, "port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder)}
    options = tuple(f"--{name}={value}" for name, value in settings.items())
    part = Part(
        name="tls-postgres",
        argv=(*prefix, str(programs / "postgres"), "-D", str(data), *options),
        cwd=data,
        log=folder / "server.log",
        ready=lambda: database.answers(place),
        env=database.ENVIRONMENT,
        inherits=False,
        stop_signal=database.FAST,
    )
    with running(part):
        yield TlsPostgres(folder=folder, port=port, authority=authority, owner=place)


def certify(data: Path, issued: Issued) -> None:
    """Have the server show that certificate; one that runs is told by `reload`."""
    for source, name in ((issued.certificate, "server.crt"), (issued.key, "server.key")):
        (data / name).write_bytes(source.read_bytes())
        (data / name).chmod(0o600)
        os.chown(data / name, data.stat().st_uid, -1)


def reload(server: TlsPostgres) -> None:
    """Have it read its files again."""
    with psycopg.connect(server.owner, autocommit=True) as owner:
        owner.execute("select pg_reload_conf()")
