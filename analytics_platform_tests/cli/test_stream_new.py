"""What `ap stream new` writes: files that a formatter leaves as they are, never over others."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pyarrow as pa
import pytest
from click.testing import CliRunner

from analytics_platform.cli.stream_new import command, files_of, next_steps, read_sample, write_new
from analytics_platform.errors import DeclarationError, TopicMissingError
from analytics_platform.ingest.infer import Sample, draft_stream
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.product import Stream
from analytics_platform.settings import ROOT
from analytics_platform_tests.proofs import own_topic
from analytics_platform_tests.proofs.public_topic import documents

NAMED = Stream(name="code_events", topic="code.events", pipeline="code_events", description="", owner="team:a")
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def draft():
    found = list(documents(3, 200, NOW))
    rows = [
        {
            "partition": 0,
            "offset": n,
            "broker_at": NOW,
            "key": None,
            "value": json.dumps(document).encode(),
            "headers": [],
        }
        for n, document in enumerate(found)
    ]
    records = pa.Table.from_pylist(rows, schema=RECORDS_SCHEMA)
    return draft_stream(
        NAMED, Sample(topic="code.events", topic_id=UUID(int=1), partitions=3, records=records, known={})
    )


def test_the_declaration_is_formatted_and_declares_what_was_inferred(draft, tmp_path):
    [(_, text), *_] = files_of(draft, tmp_path).items()
    path = tmp_path / "code_events.py"
    path.write_text(text)

    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "format", "--check", "--config", ROOT / "pyproject.toml", path], check=True)
    subprocess.run([*ruff, "check", "--config", ROOT / "pyproject.toml", path], check=True)
    declared: dict[str, object] = {}
    exec(compile(text, "code_events.py", "exec"), declared)
    assert declared["CODE_EVENTS"] == draft.stream


def test_no_value_of_the_sample_is_in_any_file(draft, tmp_path):
    texts = "".join(files_of(draft, tmp_path).values()) + json.dumps(draft.why) + "".join(draft.unknown)

    for document in documents(3, 200, NOW):
        values = [document["actor"]["login"], str(document["actor"]["id"]), document["id"], *document["reactions"]]
        assert not [value for value in values if value in texts and len(value) > 4]


def test_what_is_there_is_never_written_over(draft, tmp_path):
    files = {tmp_path / path.name: text for path, text in files_of(draft, tmp_path).items()}
    (tmp_path / "subject.yaml").write_text("mine")

    with pytest.raises(DeclarationError, match=r"subject\.yaml: is there already"):
        write_new(files)

    assert [path.name for path in tmp_path.iterdir()] == ["subject.yaml"]


def test_the_next_steps_say_how_to_publish(draft):
    assert "then `ap schema sync`, which gives the schema its id" in next_steps(draft)[1]


def test_a_topic_that_is_written_in_an_id_keeps_it(draft):
    steps = next_steps(replace(draft, schema_ids=(70, 71)))

    assert "`ap schema sync --id code_events-value/1=71`" in steps[1]


@pytest.mark.parametrize("name", ["Bids", "1st", "a-b", "class", "../x", ""])
def test_a_name_must_do_for_a_file_a_table_and_a_group(name):
    done = CliRunner().invoke(command, [name, "--from-topic", "t"])

    assert (done.exit_code, "lower-case letters" in done.output) == (2, True)


@pytest.mark.parametrize("name", ["bids", "highest_bid"])
def test_a_name_that_is_declared_is_refused(name):
    done = CliRunner().invoke(command, [name, "--from-topic", "t"])

    assert isinstance(done.exception, DeclarationError)


def test_the_newest_records_are_sampled_and_no_more(kafka, topic):
    name = topic()
    own_topic.create_topic(kafka.bootstrap, name, 3)
    own_topic.produce(kafka.bootstrap, name, documents(5, 300, NOW))

    found = read_sample(kafka.bootstrap, name, 90, {})

    assert (found.partitions, found.records.num_rows) == (3, 90)
    ends = found.records.group_by("partition").aggregate([("offset", "max"), ("offset", "count")]).to_pylist()
    assert [row["offset_count"] for row in ends] == [30] * 3
    assert sum(row["offset_max"] + 1 for row in ends) == 300


def test_a_topic_without_records_or_that_is_not_there_is_said(kafka, topic):
    name = topic()
    own_topic.create_topic(kafka.bootstrap, name, 1)

    with pytest.raises(DeclarationError, match="holds no record"):
        read_sample(kafka.bootstrap, name, 10, {})
    with pytest.raises(TopicMissingError):
        read_sample(kafka.bootstrap, topic(), 10, {})
