"""A topic that others write, taken in as a team would: a stock client, and a copy of the project.

Nothing of `analytics_platform` is imported: what is proved must show from outside.
"""

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from analytics_platform_tests.proofs.reconciliation import read_rows
from analytics_platform_tests.stock import Address, stock

TOPIC, STREAM = "code.events", "code_events"
DECLARED = (
    f"analytics_platform/products/{STREAM}.py",
    f"schemas/{STREAM}/subject.yaml",
    f"schemas/{STREAM}/value/1.json",
    "schemas/ids.lock",
)
ASK_SECONDS, READ_SECONDS = 10.0, 60.0
SCALARS = {"string", "integer", "number", "boolean"}
AUTHOR = ("-c", "user.name=a team", "-c", "user.email=team@example.com")


def copy_project(root: Path, folder: Path) -> Path:
    """The package and the schemas as they are now, in a repository of their own."""
    for name in ("analytics_platform", "schemas"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".gitignore").write_text("__pycache__/\n.state/\n")
    for arguments in (("init", "--quiet"), ("add", "--all"), (*AUTHOR, "commit", "--quiet", "--message", "a copy")):
        git(folder, *arguments)
    return folder


def git(folder: Path, *arguments: str) -> str:
    """What git says in that folder."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def changed_files(folder: Path) -> list[str]:
    """The files that differ from the last commit, new ones too."""
    listed = git(folder, "status", "--porcelain", "--untracked-files=all").splitlines()
    return sorted(line[3:] for line in listed)


def create_topic(bootstrap: Address, topic: str, partitions: int) -> None:
    """A topic as its owner makes it."""
    admin = AdminClient(stock(bootstrap))
    for made in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        made.result(ASK_SECONDS)


def produce(bootstrap: Address, topic: str, documents: Iterable[Mapping[str, Any]]) -> int:
    """Send documents as bare JSON, keyed by their repository; no headers. Returns their bytes."""
    producer = Producer({**stock(bootstrap), "compression.type": "zstd", "linger.ms": 20})
    sent = 0
    for document in documents:
        body = json.dumps(document, ensure_ascii=False).encode()
        producer.produce(topic, key=str(document["repo"]["id"]).encode(), value=body)
        producer.poll(0)
        sent += len(body)
    if left := producer.flush(READ_SECONDS):
        raise RuntimeError(f"{left} records were not delivered")
    return sent


def topic_documents(bootstrap: Address, topic: str) -> list[dict[str, Any]]:
    """Every document of the topic, read by a stock client and Python's own JSON."""
    return [json.loads(message.value()) for message in topic_messages(bootstrap, topic)]


def topic_messages(bootstrap: Address, topic: str) -> list[Message]:
    """Every message of the topic, read by a stock client."""
    consumer = Consumer({**stock(bootstrap), "group.id": "reader", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, ASK_SECONDS).topics[topic].partitions
        spans = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), ASK_SECONDS) for p in partitions}
        consumer.assign([TopicPartition(topic, p, first) for p, (first, _) in spans.items()])
        wanted = sum(end - first for first, end in spans.values())
        found: list[Message] = []
        while len(found) < wanted:
            messages = consumer.consume(min(500, wanted - len(found)), READ_SECONDS)
            if not messages:
                raise RuntimeError(f"{wanted - len(found)} records did not come")
            found += messages
        return found
    finally:
        consumer.close()


def publish(project: Path, draft: Mapping[str, Any]) -> None:
    """What a person does by hand with a reviewed draft: one word in subject.yaml; `ap schema sync` does the rest."""
    subject = project / "schemas" / draft["stream"] / "subject.yaml"
    subject.write_text(subject.read_text().replace("state: draft", "state: published"))


def unpublish(project: Path) -> None:
    """Take the declaration out again, with all that came with it."""
    git(project, "checkout", "--quiet", "--", ".")
    git(project, "clean", "--quiet", "--force", "-d", "--", *DECLARED[:3])


def silver_rows(tables: Path, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Silver by stock readers: the event's id and the columns of the schema."""
    rows: pa.Table = read_rows(tables / STREAM / "silver", ["event_id", *schema["properties"]])
    return rows.to_pylist()


def differences(
    documents: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]
) -> list[str]:
    """In which ways silver is not the documents; empty when each is there once, and equal in every field."""
    wanted = {document["id"]: as_column(schema, document) for document in documents}
    found = {row["event_id"]: {name: as_json(of, row[name]) for name, of in _fields(schema)} for row in rows}
    problems = [f"{len(rows)} rows, {len(documents)} documents"] if len(rows) != len(documents) else []
    problems += [f"no row for {id_}" for id_ in wanted.keys() - found.keys()]
    problems += [f"no document for {id_}" for id_ in found.keys() - wanted.keys()]
    return problems + [
        f"{id_}: {name} differs"
        for id_ in wanted.keys() & found.keys()
        for name, value in wanted[id_].items()
        if found[id_][name] != value
    ]


def as_column(schema: Mapping[str, Any], value: Any) -> Any:
    """A JSON value as the schema tells it: what is absent is null, times are instants, numbers are floats."""
    if value is None:
        return None
    if fields := _fields(schema):
        return {name: as_column(below, value.get(name)) for name, below in fields}
    if "additionalProperties" in schema:
        return {key: as_column(schema["additionalProperties"], each) for key, each in value.items()}
    if "items" in schema:
        return [as_column(schema["items"], each) for each in value]
    if "format" in schema:
        return datetime.fromisoformat(value)
    return float(value) if "number" in _names(schema) else value


def as_json(schema: Mapping[str, Any], cell: Any) -> Any:
    """A cell of silver in the same terms: maps are objects, and what has no type is JSON text."""
    if cell is None:
        return None
    if fields := _fields(schema):
        return {name: as_json(below, cell[name]) for name, below in fields}
    if "additionalProperties" in schema:
        return {key: as_json(schema["additionalProperties"], each) for key, each in cell}
    if "items" in schema:
        return [as_json(schema["items"], each) for each in cell]
    return cell if SCALARS.intersection(_names(schema)) else json.loads(cell)


def _fields(schema: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return list(schema.get("properties", {}).items())


def _names(schema: Mapping[str, Any]) -> list[str]:
    """The names of its types."""
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else named
