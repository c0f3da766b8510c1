"""`ap access apply` twice: the second changes nothing; drift is found and mended; Strimzi has the same ACLs."""

import json
import random
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from analytics_platform.cli import commands
from analytics_platform.security.cluster import for_librdkafka
from analytics_platform.security.parts import PartName
from analytics_platform.settings import KafkaProtocol, read_settings
from analytics_platform_tests.proofs.access_by_hand import DRIFTS, SECONDS, Binding, bindings
from analytics_platform_tests.proofs.instances import pause
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.secured import SecuredKafka, running_secured_kafka

ROUNDS = 12  # of several drifts at once, drawn at random
FILE = """\
topics:
  "*": {replicas: 1, config: {retention.ms: 86400000}}
  bids: {config: {retention.ms: 43200000, cleanup.policy: delete}}
  clicks: {partitions: 2}
quotas: {request_percent: 400}
principals:
  auction-house: {about: demo, owner: team:auctions, shows: certificate, reads: [bids], writes: [bids, auctions]}
  web-shop: {about: takes bids, owner: team:shop, shows: certificate, writes: [bids], transactions: [web-shop-*]}
  ana:
    {about: asks why, owner: user:ana, shows: password, reads: [bids, clicks], groups: [ana, ana-*],
     quotas: {consume_bytes: 1000000}}
  ops: {about: on call, owner: team:ops, shows: password, like: operator}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A broker, the file, and a client that imports nothing of ours."""

    kafka: SecuredKafka
    folder: Path
    oracle: AdminClient

    def ap(self, *words: str, part: str = "{part}") -> tuple[int, dict[str, Any]]:
        """The exit code of an `ap access` and what it said; by default as the part `admin`."""
        environment = {
            "AP_KAFKA_BOOTSTRAP": self.kafka.shown(part).bootstrap,
            "AP_KAFKA_PROTOCOL": KafkaProtocol.SSL,
            "AP_KAFKA_CA_FILE": str(self.kafka.certificates.trust),
            "AP_KAFKA_CERTIFICATE_FILE": str(self.kafka.certificates.of(part)),
        }
        arguments = ["access", *words, "--file", str(self.folder / "access.yaml"), "--json"]
        done = CliRunner().invoke(commands, arguments, env=environment, catch_exceptions=False)
        return done.exit_code, json.loads(done.stdout)

    def apply(self, *words: str, part: str = "{part}") -> tuple[int, dict[str, Any]]:
        """`ap access apply`, with a folder for passwords."""
        return self.ap("apply", "--passwords", str(self.folder / "passwords"), *words, part=part)

    def drift(self) -> list[str]:
        """What `ap access verify` names; its exit code must say the same."""
        code, said = self.ap("verify")
        found = [f"{each['state']}: {each['name']}" for each in said["drift"]]
        if code != (1 if found else 0):
            raise AssertionError(f"exit code {code} for {found}")
        return found


def prove(report: Report) -> None:
    """Apply, again, drift by hand, mend, render."""
    with _ground() as ground:
        _apply_twice(report, ground)
        _each_drift(report, ground)
        _drifts_at_random(report, ground, random.Random(report.seed))
        _removed_on_demand(report, ground)
        _strimzi(report, ground)


@contextmanager
def _ground() -> Generator[Ground]:
    names = (*PartName, "auction-house", "web-shop")
    with tempfile.TemporaryDirectory(prefix="access3-") as place:
        folder = Path(place)
        (folder / "access.yaml").write_text(FILE)
        with running_secured_kafka(folder / "kafka", read_settings().jar_dir, names) as kafka:
            oracle = AdminClient(for_librdkafka(kafka.shown(PartName.BROKER)))
            yield Ground(kafka=kafka, folder=folder, oracle=oracle)


def _apply_twice(report: Report, ground: Ground) -> None:
    report.step("plan, apply, and apply again")
    before = bindings(ground.oracle)
    code, planned = ground.ap("plan", part=PartName.BROKER)
    report.figure("planned", len(planned["differences"]))
    report.claim("a plan changes nothing", code == 0 and bindings(ground.oracle) == before)
    began = time.monotonic()
    code, first = ground.apply(part=PartName.BROKER)
    report.figure("first_apply_seconds", round(time.monotonic() - began, 2))
    applied = [each["name"] for each in first["done"]]
    report.claim("applying does what was planned", applied == [each["name"] for each in planned["differences"]])
    report.claim("nothing is left, and it says so", code == 0 and first["left"] == [])
    once = _picture(ground)
    began = time.monotonic()
    code, second = ground.apply()
    report.figure("second_apply_seconds", round(time.monotonic() - began, 2))
    report.claim("the second time nothing is done", code == 0 and second == {**second, "done": [], "left": []})
    report.claim("and the broker is as it was, as another client sees it", _picture(ground) == once)
    report.claim("the part admin needs no more than it has: it applies and verifies", ground.drift() == [])
    report.figure("acls", len(once["acls"]))


def _each_drift(report: Report, ground: Ground) -> None:
    for drift in DRIFTS:
        drift.make(ground.oracle)
        found = _seen(ground, [drift.says])
        report.claim(f"found, and nothing else: {drift.says}", found == [drift.says])
        if drift.is_extra:
            code, said = ground.apply()
            report.claim(f"left without --remove: {drift.says}", code == 0 and not said["done"])
        ground.apply(*(["--remove"] if drift.is_extra else []))
        report.claim(f"mended: {drift.says}", ground.drift() == [])


def _drifts_at_random(report: Report, ground: Ground, chance: random.Random) -> None:
    report.step(f"{ROUNDS} rounds of several drifts at once, seed {report.seed}")
    wrong = []
    for number in range(ROUNDS):
        made = chance.sample(DRIFTS, chance.randint(2, len(DRIFTS)))
        for drift in made:
            drift.make(ground.oracle)
        wanted = sorted(drift.says for drift in made)
        found = _seen(ground, wanted)
        if found != wanted:
            wrong.append((number, sorted(set(found) ^ set(wanted))))
        ground.apply("--remove")
        if left := ground.drift():
            wrong.append((number, left))
    report.claim(f"in each round every drift was named and mended {wrong or ''}", not wrong)


def _removed_on_demand(report: Report, ground: Ground) -> None:
    report.step("a topic that nobody declared, with a record in it")
    oracle = ground.oracle
    for done in oracle.create_topics([NewTopic("left-over", 1, 1)]).values():
        done.result(SECONDS)
    producer = Producer(for_librdkafka(ground.kafka.shown(PartName.BROKER)))
    producer.produce("left-over", b"somebody's")
    producer.flush(SECONDS)
    report.claim("it is found", _seen(ground, ["extra: topic left-over"]) == ["extra: topic left-over"])
    code, said = ground.apply("--remove")
    report.claim(
        "--remove leaves it, and says so", code == 0 and [e["name"] for e in said["left"]] == ["topic left-over"]
    )
    report.claim("and it is still there", "left-over" in oracle.list_topics(timeout=SECONDS).topics)
    for done in oracle.delete_topics(["left-over"]).values():
        done.result(SECONDS)
    _seen(ground, [])


def _strimzi(report: Report, ground: Ground) -> None:
    report.step("render for Strimzi, and compare as sets with what the broker has")
    code, said = ground.ap("render", "--strimzi", str(ground.folder / "strimzi"))
    topics, users = (list(yaml.safe_load_all(Path(file).read_text())) for file in sorted(said["files"]))
    rendered = {acl for user in users for acl in _of_user(user)}
    found = bindings(ground.oracle)
    report.figure("strimzi", {"topics": len(topics), "users": len(users), "acls": len(rendered)})
    report.claim("the ACLs are the same set", code == 0 and rendered == found)
    names = {topic["metadata"]["name"]: topic["spec"] for topic in topics}
    there = ground.oracle.list_topics(timeout=SECONDS).topics
    counts = {name: len(topic.partitions) for name, topic in there.items() if not name.startswith("__")}
    report.claim("and so are topics and partitions", {n: spec["partitions"] for n, spec in names.items()} == counts)
    for user in users:
        fewer = {acl for other in users if other is not user for acl in _of_user(other)}
        report.claim(f"noticed: without {user['metadata']['name']} the sets differ", fewer != found)


def _seen(ground: Ground, wanted: list[str]) -> list[str]:
    """What is named, once the broker shows what was done by hand; after a while whatever is named then."""
    deadline = time.monotonic() + SECONDS
    while (found := sorted(ground.drift())) != sorted(wanted) and time.monotonic() < deadline:
        pause(0.1)
    return found


def _picture(ground: Ground) -> Mapping[str, Any]:
    """What another client sees of the cluster."""
    oracle = ground.oracle
    topics = [name for name in oracle.list_topics(timeout=SECONDS).topics if not name.startswith("__")]
    asked = oracle.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in sorted(topics)])
    users = oracle.describe_user_scram_credentials().result(SECONDS)
    return {
        "acls": bindings(oracle),
        "configs": {r.name: {k: e.value for k, e in done.result(SECONDS).items()} for r, done in asked.items()},
        "passwords": {name: [str(i.mechanism) for i in u.scram_credential_infos] for name, u in users.items()},
    }


def _of_user(user: Mapping[str, Any]) -> Generator[Binding]:
    """A KafkaUser's ACLs in librdkafka's words; read here by hand, so that a mistake of ours is not made twice."""
    kinds = {"topic": "TOPIC", "group": "GROUP", "cluster": "BROKER", "transactionalId": "TRANSACTIONAL_ID"}
    patterns = {"literal": "LITERAL", "prefix": "PREFIXED"}
    for acl in user["spec"]["authorization"]["acls"]:
        where = acl["resource"]
        for operation in acl["operations"]:
            words = "".join(f"_{letter}" if letter.isupper() else letter for letter in operation).strip("_").upper()
            pattern, name = patterns[where.get("patternType", "literal")], where.get("name", "kafka-cluster")
            principal = f"User:{user['metadata']['name']}"
            yield principal, kinds[where["type"]], name, pattern, words, "ALLOW", "*"
