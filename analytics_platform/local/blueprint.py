"""What an instance consists of: its ports, its environment, and its parts in order of dependence."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from analytics_platform.connection_string import libpq_url
from analytics_platform.ingest.kafka.admin import ensure_topics
from analytics_platform.local import broker, dagster_processes, database
from analytics_platform.local.broker_access import AccessFolders, grant, is_secured, provide_certificates
from analytics_platform.local.dagster_processes import DagsterPlace
from analytics_platform.local.disk import hold_file
from analytics_platform.local.instance import MARKER, PART, Instance, first_hour
from analytics_platform.local.jars import install_jars
from analytics_platform.local.ledger import prepare_ledger
from analytics_platform.local.leftovers import interrupt_workers
from analytics_platform.local.log import raw_file
from analytics_platform.local.ports import HOST, Reservations, answers
from analytics_platform.local.process import Part
from analytics_platform.local.supervisor import Member
from analytics_platform.product import Stream
from analytics_platform.products import catalog
from analytics_platform.registry.drafts import without_drafts
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.settings import ROOT, LedgerRole, Settings, as_environment, environment_of, explain_settings

PORTS = ("webserver", "code-server", "broker", "controller", "service", "read-only", "broker-people")
AUCTION_HOUSE = "analytics_platform.local.auction_house"
WORKER_SECONDS = 4.0  # for a run to end where it is; what it leaves undone is done again by the next one
# A little of everything that goes wrong in real topics, so that the tables show what becomes of it.
USUAL_FAULTS = ("--late=0.01", "--out-of-order=0.01", "--duplicates=0.002", "--conflicts=0.0005", "--malformed=0.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What `ap up` was asked for; what is None comes from the settings."""

    base_port: int | None = None
    rate: float | None = None
    seed: int = 1
    with_producer: bool = True
    with_webserver: bool = True
    with_service: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """Everything that is decided before the first process starts."""

    settings: Settings
    dagster_dsn: str
    instance: Instance
    members: Sequence[Member]
    streams: Sequence[Stream]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the parts of one instance are."""

    ports: Mapping[str, int]
    settings: Settings
    named: frozenset[str]
    say: Callable[[str], None]

    @property
    def state_dir(self) -> Path:
        """The instance's folder."""
        return self.settings.state_dir

    @property
    def dagster(self) -> DagsterPlace:
        """The same for Dagster's processes."""
        environment = _environment(self.settings, self.ports)
        return DagsterPlace(
            state_dir=self.state_dir,
            ports=self.ports,
            environment=environment,
            dsn=libpq_url(self.settings.dagster_postgres_url),
            is_stock=self.settings.stock,
        )

    def marked(self, part: Part) -> Part:
        """The part with the instance's mark."""
        return _marked(part, self.state_dir)

    def as_roles(self, part: Part, *roles: LedgerRole) -> Part:
        """The part, marked, which reaches the ledger as the first of these roles and never sees others' strings."""
        ledger = {f"{role}_dsn": "" for role in LedgerRole if role not in (*roles, LedgerRole.READER)}
        ledger["ledger_dsn"] = self.settings.ledger_as(roles[0])
        return self.marked(replace(part, env={**part.env, **environment_of(ledger)}))


def draw(
    settings: Settings,
    options: UpOptions,
    ports: Mapping[str, int],
    say: Callable[[str], None],
    named: frozenset[str],
) -> Blueprint:
    """Settle the settings and list the members; prepares what the embedded servers need on disk.

    A broker or Postgres whose setting is among `named` is used as it is; the others are embedded.
    """
    settings = _settle(settings, ports, named)
    place = Place(ports=ports, settings=settings, named=named, say=say)
    return Blueprint(
        settings=settings,
        dagster_dsn=place.dagster.dsn,
        instance=Instance(environment=as_environment(settings), ports=ports, supervisor=os.getpid()),
        members=_members(place, options),
        streams=tuple(without_drafts(catalog(), settings.schema_dir).streams.values()),
    )


def named_in_environment() -> frozenset[str]:
    """The settings that somebody has named on purpose."""
    return frozenset(setting.name for setting in explain_settings() if setting.source.startswith("environment"))


def our_process(settings: Settings, ports: Mapping[str, int], name: str, argv: Sequence[str]) -> Part:
    """A Python process of ours as a part that is ready at once, told of the instance's settings."""
    part = Part(
        name=name,
        argv=tuple(argv),
        cwd=ROOT,
        log=raw_file(settings.state_dir, name),
        env=_environment(settings, ports),
        ready=lambda: True,
    )
    return _marked(part, settings.state_dir)


def choose_ports(base: int, earlier: Mapping[str, int], reservations: Reservations) -> dict[str, int]:
    """A port for each part that listens: the one of an earlier start where there was one, else base, base + 1, …"""
    return {name: reservations.reserve(earlier.get(name, base + step)) for step, name in enumerate(PORTS)}


def _settle(settings: Settings, ports: Mapping[str, int], named: frozenset[str]) -> Settings:
    """The settings of this instance: what the environment names stays, the embedded parts fill in the rest."""
    folder = settings.state_dir / "postgres"
    embedded: dict[str, object] = {
        "kafka_bootstrap": f"{HOST}:{ports['broker']}",
        "ledger_dsn": database.ledger_dsn(folder),
        "dagster_postgres_url": database.dagster_url(folder),
        "since": first_hour(settings.state_dir),
    }
    if is_secured(settings, named):
        embedded |= AccessFolders(settings.state_dir).settings
    return replace(settings, **{name: value for name, value in embedded.items() if name not in named})


def _members(place: Place, options: UpOptions) -> list[Member]:
    embedded = _embedded(place)
    there = tuple(member.part.name for member in embedded)
    members = [*embedded, *_dagster(place, there, options)]
    if options.with_service:
        members.append(_service(place, there))
    if options.with_producer and find_spec(AUCTION_HOUSE) is not None:
        members.append(_producer(place, there, options))
    return members


def _embedded(place: Place) -> list[Member]:
    """The servers that no setting names; what they need on disk is made side by side, it takes seconds once."""
    wanted = {"ledger_dsn": _postgres, "kafka_bootstrap": _broker}
    makers = [make for name, make in wanted.items() if name not in place.named]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda make: make(place), makers))


def _postgres(place: Place) -> Member:
    part = database.prepare(place.state_dir / "postgres")
    return Member(part=place.marked(part), address=place.settings.ledger_dsn)


def _broker(place: Place) -> Member:
    classpath = install_jars(place.settings.jar_dir, place.say)
    ports = broker.Ports(broker=place.ports["broker"], controller=place.ports["controller"])
    settings, folder = place.settings, place.state_dir / "broker"
    if not is_secured(settings, place.named):
        part = broker.prepare(folder, ports, classpath)
        return Member(part=place.marked(part), address=settings.kafka_bootstrap)
    security = provide_certificates(settings, place.ports["broker-people"])
    part = broker.prepare(folder, ports, classpath, security=security)
    address = f"{settings.kafka_bootstrap} (people: {HOST}:{security.people})"
    return Member(part=place.marked(part), finish=lambda: grant(settings), address=address)


def _dagster(place: Place, there: tuple[str, ...], options: UpOptions) -> list[Member]:
    """Schema task, code server, daemon, webserver: the code server first, or the others would wait for it."""
    dagster = place.dagster
    postgres = tuple(name for name in there if name == "postgres")
    schema = Member(
        part=place.as_roles(dagster_processes.schema_task(dagster), LedgerRole.READER),
        after=postgres,
        is_task=True,
        is_done=lambda: dagster_processes.has_schema(dagster),
        prepare=lambda: _prepare(place),
    )
    code_server = Member(
        part=place.as_roles(dagster_processes.code_server(dagster), LedgerRole.PLANNER, LedgerRole.WORKER),
        after=("dagster-schema",),
        before_stop=lambda: interrupt_workers(place.state_dir, WORKER_SECONDS),
        address=f"{HOST}:{place.ports['code-server']}",
    )
    ready = (*there, "code-server")
    daemon = Member(
        part=place.as_roles(dagster_processes.daemon(dagster), LedgerRole.READER),
        after=ready,
        prepare=lambda: _before_daemon(place),
    )
    warm = [] if place.settings.stock else [_warm(place)]
    return [schema, code_server, *warm, daemon, *_webservers(place, ready, options)]


def _webservers(place: Place, ready: tuple[str, ...], options: UpOptions) -> Iterator[Member]:
    """The UI, and the one in which nobody can start anything."""
    wanted = {False: options.with_webserver, True: place.settings.read_only_ui}
    for is_read_only in (each for each, is_wanted in wanted.items() if is_wanted):
        part = dagster_processes.webserver(place.dagster, is_read_only=is_read_only)
        address = f"http://{HOST}:{place.ports[part.name]}"
        yield Member(part=place.as_roles(part, LedgerRole.READER), after=ready, address=address)


def _warm(place: Place) -> Member:
    """Nobody waits for it: while it is not there, runs start cold."""
    part = dagster_processes.warm(place.dagster, place.settings.schema_dir)
    return Member(
        part=place.as_roles(part, LedgerRole.WORKER), after=("dagster-schema", "code-server")
    )  # what it imports would slow that down


def _prepare(place: Place) -> None:
    """The ledger and DAGSTER_HOME; at each start again, a no-op when done."""
    prepare_ledger(place.settings, place.state_dir, is_own="ledger_dsn" not in place.named, say=place.say)
    dagster_processes.prepare_home(place.dagster)


def _before_daemon(place: Place) -> None:
    """Note that the schema is there; make the topics, unless the broker is somebody else's."""
    dagster_processes.note_schema(place.dagster)
    declared = without_drafts(catalog(), place.settings.schema_dir)
    partitions = {stream.topic: stream.partitions for stream in declared.streams.values()}
    if partitions and "kafka_bootstrap" not in place.named:
        ensure_topics(cluster_of(place.settings, PartName.ADMIN), partitions)


def _producer(place: Place, there: tuple[str, ...], options: UpOptions) -> Member:
    rate = options.rate if options.rate is not None else place.settings.events_per_second
    argv = [sys.executable, "-m", AUCTION_HOUSE, "--seed", str(options.seed), "--rate", str(rate), *USUAL_FAULTS]
    argv += ["--truth", str(place.state_dir / "truth"), "--hold-file", str(hold_file(place.state_dir))]
    part = place.as_roles(our_process(place.settings, place.ports, "producer", argv), LedgerRole.READER)
    return Member(part=part, after=(*there, "daemon"), address=f"{rate:g} events/s")


def _service(place: Place, there: tuple[str, ...]) -> Member:
    """The schema registry; last, since nothing that runs waits for it."""
    port = place.ports["service"]
    argv = [sys.executable, "-m", "analytics_platform.cli", "service", "run", "--port", str(port)]
    part = our_process(place.settings, place.ports, "service", argv)
    part = place.as_roles(replace(part, ready=lambda: answers(port)), LedgerRole.SERVICE)
    return Member(part=part, after=(*there, "daemon"), address=f"http://{HOST}:{port}")


def _environment(settings: Settings, ports: Mapping[str, int]) -> dict[str, str]:
    return {**as_environment(settings), **dagster_processes.dagster_environment(settings.state_dir, ports)}


def _marked(part: Part, state_dir: Path) -> Part:
    """The part with the instance's mark in its environment, and its output where the collector looks."""
    mark = {MARKER: str(state_dir), PART: part.name}
    return replace(part, env={**part.env, **mark}, log=raw_file(state_dir, part.name))
