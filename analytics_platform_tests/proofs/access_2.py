"""Certificates, authority and passwords change at 5,000 events a second: nothing is lost, nothing stops.

A producer with a certificate and one with a password number their records; a broker of `ap up`'s kind takes them. What
was acknowledged is compared with what lies on the topic, read by the platform's own reader in the role of the worker.
"""

import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Producer

from analytics_platform.errors import DistrustError
from analytics_platform.facts import OffsetRange
from analytics_platform.ingest.kafka.access_write import apply, set_password
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.local.broker_access import AccessFolders
from analytics_platform.local.rotation import Step, revoke, rotate_authority, rotate_certificates, rotate_password
from analytics_platform.security.access import Difference
from analytics_platform.security.acl import Acl, Operation, topic_named, user_named
from analytics_platform.security.cluster import Cluster, cluster_of, for_librdkafka
from analytics_platform.security.parts import PartName
from analytics_platform.security.private_file import write_private
from analytics_platform.settings import KafkaProtocol, Settings, read_settings
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.secured import running_own_kafka

TOPIC, HOUSE, PERSON = "bids", "auction-house", "ana"
PER_SECOND = {HOUSE: 4_500, PERSON: 500}
REST_SECONDS = 4.0  # between two changes
LONGEST_STOP_SECONDS = 5.0  # between two acknowledgements of one producer; starvation counts as well
OUT_SECONDS = 5.0
TURN_SECONDS = 0.02


@dataclass(slots=True)
class Numbered:
    """A producer that numbers its records, and what became of each."""

    name: str
    cluster: Cluster
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: list[int] = field(default_factory=list)
    acknowledged_at: list[float] = field(default_factory=list)
    refused: list[tuple[float, str]] = field(default_factory=list)
    sent: int = 0
    producer: Producer = field(init=False)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        configuration = {**for_librdkafka(self.cluster), "linger.ms": 5, "enable.idempotence": True, "log_level": 0}
        self.producer = Producer(configuration)
        self.thread = threading.Thread(target=self._run)

    def know_new_password(self) -> None:
        """As a client does that is told of it, without a restart."""
        self.producer.set_sasl_credentials(self.cluster.user, self.cluster.password())

    def _run(self) -> None:
        began = time.monotonic()
        while not self.stop.wait(TURN_SECONDS):
            for _ in range(int((time.monotonic() - began) * PER_SECOND[self.name]) - self.sent):
                self._send()
            self.producer.poll(0)
        self.producer.flush(60)

    def _send(self) -> None:
        number = self.sent
        try:
            self.producer.produce(TOPIC, f"{self.name} {number}".encode(), on_delivery=self._heard(number))
        except BufferError:
            self.producer.poll(TURN_SECONDS)
            return
        except KafkaException as error:  # once the client knows that it may not, it does not even try
            self.refused.append((time.monotonic(), error.args[0].name()))
            return
        self.sent += 1

    def _heard(self, number: int) -> Callable[[KafkaError | None, object], None]:
        def heard(error: KafkaError | None, _: object) -> None:
            if error is None:
                self.acknowledged.append(number)
                self.acknowledged_at.append(time.monotonic())
            else:
                self.refused.append((time.monotonic(), error.name()))

        return heard


def prove(report: Report) -> None:
    """Change everything that can be changed while records flow; then take one of the two away."""
    with (
        tempfile.TemporaryDirectory(prefix="access-2-") as folder,
        running_own_kafka(Path(folder), read_settings().jar_dir) as (settings, people),
    ):
        person = _let_in(settings, people)
        producers = {HOUSE: Numbered(HOUSE, cluster_of(settings, HOUSE)), PERSON: Numbered(PERSON, person)}
        began = time.monotonic()
        for each in producers.values():
            each.thread.start()
        try:
            old = _change_everything(report, settings, producers[PERSON], Path(folder))
            seconds = time.monotonic() - began
            _claim_flow(report, producers, seconds)
            _claim_revoked(report, settings, producers[PERSON])
        finally:
            for each in producers.values():
                each.stop.set()
                each.thread.join(90)
        _claim_old_is_refused(report, settings, old)
        _claim_nothing_lost(report, settings, producers)


def _let_in(settings: Settings, people: int) -> Cluster:
    """Somebody with a password, who may write."""
    file = AccessFolders(settings.state_dir).passwords / PERSON
    file.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(file, secrets.token_urlsafe(32).encode())
    acl = Acl(user_named(PERSON), topic_named(TOPIC), Operation.WRITE)
    with closing(Client(cluster_of(settings, PartName.ADMIN))) as client:
        set_password(client, PERSON, file.read_text())
        apply(client, [Difference(item=acl, wanted="", found=None)], {acl: ""}, lambda _: "")
    host = settings.kafka_bootstrap.rpartition(":")[0]
    return Cluster(
        bootstrap=f"{host}:{people}",
        protocol=KafkaProtocol.SASL_SSL,
        ca_file=settings.kafka_ca_file,
        user=PERSON,
        password_file=str(file),
    )


def _change_everything(report: Report, settings: Settings, person: Numbered, folder: Path) -> Path:
    """Each change, with a rest after it; returns a certificate of the authority that signs no more."""
    old = folder / "old.pem"
    write_private(old, AccessFolders(settings.state_dir).certificates.of(PartName.WORKER).read_bytes())
    changes: Mapping[str, Callable[[], object]] = {
        "certificates": lambda: rotate_certificates(settings),
        **{f"authority, {step}": lambda step=step: rotate_authority(settings, step) for step in Step},
        "password": lambda: (rotate_password(settings, PERSON), person.know_new_password()),
    }
    for name, change in changes.items():
        began = time.monotonic()
        change()
        report.figure(f"seconds for {name}", round(time.monotonic() - began, 2))
        with KafkaReader(cluster_of(settings, PartName.WORKER)) as reader:  # a new connection, with what holds now
            reader.offsets([TOPIC])
        person.stop.wait(REST_SECONDS)
    return old


def _claim_flow(report: Report, producers: Mapping[str, Numbered], seconds: float) -> None:
    rate = sum(len(each.acknowledged) for each in producers.values()) / seconds
    report.figure("acknowledged a second", round(rate))
    wanted = sum(PER_SECOND.values())
    report.claim(f"{rate:,.0f} of {wanted:,} records a second were acknowledged meanwhile", holds=rate >= 0.9 * wanted)
    for name, each in producers.items():
        times = each.acknowledged_at
        longest = max((after - before for before, after in pairwise(times)), default=seconds)
        report.figure(f"longest stop of {name}, seconds", round(longest, 2))
        report.claim(f"{name} never stops for {LONGEST_STOP_SECONDS:g} s", holds=longest < LONGEST_STOP_SECONDS)
        report.claim(f"no record of {name} is refused", holds=not each.refused)


def _claim_revoked(report: Report, settings: Settings, person: Numbered) -> None:
    began = time.monotonic()
    revoke(settings, PERSON)
    person.stop.wait(OUT_SECONDS)
    out = [at - began for at, _ in person.refused]
    late = [at for at in person.acknowledged_at if at > began + OUT_SECONDS]
    report.figure("seconds until the revoked one is refused", round(min(out, default=-1), 2))
    report.claim(f"who is revoked is refused within {OUT_SECONDS:g} s, over an open connection", bool(out) and not late)
    names = {name for _, name in person.refused}
    report.claim(f"and told why: {', '.join(sorted(names))}", names == {"TOPIC_AUTHORIZATION_FAILED"})


def _claim_old_is_refused(report: Report, settings: Settings, old: Path) -> None:
    """The planted fault: what the changes took the trust from must not connect any more."""
    said = ""
    with closing(Client(replace(cluster_of(settings, PartName.WORKER), certificate_file=str(old)))) as client:
        try:
            client.brokers()
        except DistrustError as error:
            said = str(error)
    report.claim("a certificate of the old authority is refused, and says so", "refuses our certificate" in said)


def _claim_nothing_lost(report: Report, settings: Settings, producers: Mapping[str, Numbered]) -> None:
    found: dict[str, list[int]] = {name: [] for name in producers}
    with KafkaReader(cluster_of(settings, PartName.WORKER)) as reader:
        ranges = [
            OffsetRange(topic_id=each.topic_id, partition=each.partition, start=each.first, end=each.stable_end)
            for each in reader.offsets([TOPIC])[TOPIC]
        ]
        for table in reader.fetch(TOPIC, ranges):
            for value in table["value"].to_pylist():
                name, _, number = value.decode().partition(" ")
                found[name].append(int(number))
    for name, each in producers.items():
        report.figure(
            f"records of {name}", f"{len(each.acknowledged):,} acknowledged, {len(found[name]):,} on the topic"
        )
        report.claim(f"every acknowledged record of {name} is there", holds=set(each.acknowledged) <= set(found[name]))
        report.claim(f"none of {name} is there twice", holds=len(found[name]) == len(set(found[name])))
