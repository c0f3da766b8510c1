"""`ap access client`: what somebody needs to connect to this instance's broker with a client of their own."""

from datetime import UTC, datetime
from pathlib import Path

import click

from analytics_platform.cli.output import as_json, say_json
from analytics_platform.errors import DeclarationError, LocalError
from analytics_platform.local.broker_access import AccessFolders
from analytics_platform.local.instance import load_instance
from analytics_platform.local.ports import HOST
from analytics_platform.pipeline.access import declared_access
from analytics_platform.security.access_file import Shows
from analytics_platform.security.access_wanted import wanted_principals
from analytics_platform.security.certificate_files import Holder
from analytics_platform.security.cluster import Cluster, as_properties, for_java, for_librdkafka
from analytics_platform.security.private_file import write_private
from analytics_platform.settings import KafkaProtocol, Settings, read_settings

CA, JAVA, LIBRDKAFKA, PASSWORD = "ca.pem", "client.properties", "librdkafka.properties", "password"


@click.command(name="client", epilog="Example: ap access client ana --out ~/kafka")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    required=True,
    help="The folder for the files; they are for you only.",
)
@as_json
def client_command(name: str, out: Path, as_json: bool) -> None:
    """Write what a client of NAME needs: whom to trust, what to show, and both as its configuration.

    NAME is a principal of infra/kafka/access.yaml, or a part of the platform. Whoever holds these files is NAME.
    """
    settings = read_settings()
    shows = _shown_by(name, settings)
    cluster = _handed_over(name, shows, out, settings)
    for file, text in ((JAVA, as_properties(for_java(cluster))), (LIBRDKAFKA, _lines(for_librdkafka(cluster)))):
        write_private(out / file, text.encode())
    if as_json:
        say_json({"name": name, "bootstrap": cluster.bootstrap, "files": sorted(map(str, out.iterdir()))})
        return
    click.echo(f"{name} connects to {cluster.bootstrap} and shows a {shows}:")
    click.echo(f"  Kafka's tools and Java    {out / JAVA}  (--command-config, --bootstrap-server {cluster.bootstrap})")
    click.echo(f"  confluent-kafka, kcat     {out / LIBRDKAFKA}")


def _shown_by(name: str, settings: Settings) -> Shows:
    declared = declared_access(settings.schema_dir)
    known = {each.name: each.shows for each in wanted_principals(declared.streams, declared.file)}
    if name not in known:
        remedy = f"add it to `principals`; known are {', '.join(known)}"
        raise DeclarationError(declared.file.where, f"nobody is called {name}", remedy)
    return known[name]


def _handed_over(name: str, shows: Shows, out: Path, settings: Settings) -> Cluster:
    """The files that NAME shows, in `out`; raises LocalError where this instance has none."""
    folders, ports = AccessFolders(settings.state_dir), load_instance(settings.state_dir).ports
    if not folders.certificates.trust.exists():
        raise LocalError("access", f"there is no {folders.certificates.trust}", "`ap up` makes it with its own broker")
    secret = _password(name, folders) if shows is Shows.PASSWORD else _certificate(name, folders)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(out / CA, folders.certificates.trust.read_bytes())
    if shows is Shows.PASSWORD:
        write_private(out / PASSWORD, secret.read_bytes())
        return Cluster(
            bootstrap=f"{HOST}:{ports['broker-people']}",
            protocol=KafkaProtocol.SASL_SSL,
            ca_file=str(out / CA),
            user=name,
            password_file=str(out / PASSWORD),
        )
    write_private(out / secret.name, secret.read_bytes())
    return Cluster(
        bootstrap=f"{HOST}:{ports['broker']}",
        protocol=KafkaProtocol.SSL,
        ca_file=str(out / CA),
        certificate_file=str(out / secret.name),
    )


def _password(name: str, folders: AccessFolders) -> Path:
    if not (kept := folders.passwords / name).exists():
        raise LocalError("access", f"{name} has no password yet", "`ap up` makes it, or `ap access apply --passwords`")
    return kept


def _certificate(name: str, folders: AccessFolders) -> Path:
    """Made where it is missing: the broker believes whatever its authority signs."""
    folders.certificates.provide([Holder(name)], datetime.now(UTC))
    return folders.certificates.of(name)


def _lines(found: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in found.items())
