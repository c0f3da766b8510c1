import re

import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.folder import known_schemas, read_schemas
from analytics_platform.registry.schema import canonical_text, digest_of, guid_of
from analytics_platform.settings import ROOT

FIRST = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}'
SECOND = FIRST.replace("long", "string")
THIRD = FIRST.replace("long", "double")


def line(text, version, id_, **changed):
    canonical = canonical_text(text, SchemaFormat.AVRO, "f")
    fields = {"subject": "bids-value", "version": version, "id": id_, "guid": guid_of(canonical)}
    fields |= {"sha256": digest_of(canonical), "path": f"bids/value/{version}.avsc"} | changed
    return "  - {" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"


@pytest.fixture
def folder(tmp_path):
    """Two published versions and a draft; another subject has id 5."""
    (tmp_path / "bids" / "value").mkdir(parents=True)
    for version, text in enumerate([FIRST, SECOND, THIRD], start=1):
        (tmp_path / "bids" / "value" / f"{version}.avsc").write_text(text)
    states = "versions:\n  1: {state: published}\n  2: {state: published}\n  3: {state: draft}\n"
    (tmp_path / "bids" / "subject.yaml").write_text("owner: team:a\n" + states)
    other = line(FIRST.replace('"R"', '"T"'), 1, 5, subject="t-value")
    (tmp_path / "ids.lock").write_text("\n".join(["schemas:", line(FIRST, 1, 1), line(SECOND, 2, 2), other]))
    return tmp_path


def test_the_reader_is_the_highest_published_version_and_drafts_write_nothing(folder):
    schemas = read_schemas(folder, "bids")

    assert (schemas.reader.id, schemas.reader.version, schemas.reader.text) == (2, 2, SECOND)
    assert {id_: schema.version for id_, schema in schemas.writers.items()} == {1: 1, 2: 2}
    assert schemas.reader.guid == guid_of(canonical_text(SECOND, SchemaFormat.AVRO, "f"))


def test_a_deprecated_version_is_still_read(folder):
    replace(folder, "bids/subject.yaml", "2: {state: published}", "2: {state: deprecated}")

    schemas = read_schemas(folder, "bids")

    assert (schemas.reader.version, set(schemas.writers)) == (1, {1, 2})


@pytest.mark.parametrize("stream", ["bids", "auctions", "persons"])
def test_the_schemas_of_this_repository_fit_together(stream):
    assert read_schemas(ROOT / "schemas", stream).reader.subject == f"{stream}-value"


def replace(folder, name, old, new):
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def publish_third(folder):
    replace(folder, "bids/subject.yaml", "draft", "published")


def remove(name):
    return lambda folder: (folder / name).unlink()


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def change(name, old, new):
    return lambda folder: replace(folder, name, old, new)


@pytest.mark.parametrize(
    ("spoil", "where", "problem", "remedy"),
    [
        (remove("ids.lock"), "ids.lock", "is not in ", "AP_SCHEMA_DIR"),
        (remove("bids/subject.yaml"), "bids/subject.yaml", "is not in ", "add it"),
        (write("ids.lock", b"\xff"), "ids.lock", "is not UTF-8 (byte 0)", "save it"),
        (
            write("bids/value/4.avsc", b"{}"),
            "bids/subject.yaml",
            "says nothing of bids/value/4.avsc",
            "4: {state: draft}",
        ),
        (
            write("bids/value/1.json", b"{}"),
            "bids/value/1.json",
            "bids/value/1.avsc is this version too",
            "next number",
        ),
        (write("bids/value/v4.avsc", b"{}"), "bids/value/v4.avsc", "is no version of a schema", "<number>.avsc"),
        (write("bids/value/04.avsc", b"{}"), "bids/value/04.avsc", "is no version of a schema", "<number>.avsc"),
        (remove("bids/value/1.avsc"), "bids/subject.yaml", "names version 1, which has no file", "restore"),
        (write("bids/value/1.avsc", b"{\n!"), "bids/value/1.avsc, line 2, column 1", "is no JSON", "mend"),
        (
            change("bids/value/2.avsc", "string", "bytes"),
            "bids/value/2.avsc",
            "is not the text that got id 2",
            "version 3",
        ),
        (change("ids.lock", "version: 2, id: 2", "version: 2, id: 1"), "ids.lock, line 3", "id 1 belongs to", "id 6"),
        (
            change("ids.lock", "value/2.avsc", "value/9.avsc"),
            "ids.lock, line 3",
            "is not where",
            "path: bids/value/2.avsc",
        ),
        (
            change("bids/subject.yaml", "published", "draft"),
            "bids/subject.yaml",
            "no version is published",
            "published",
        ),
        (publish_third, "ids.lock", "bids/value/3.avsc has no id", "ap schema sync"),
    ],
)
def test_whatever_does_not_fit_is_refused_with_its_file_and_a_remedy(folder, spoil, where, problem, remedy):
    spoil(folder)

    with pytest.raises(DeclarationError) as caught:
        read_schemas(folder, "bids")

    assert caught.value.where == where
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_a_locked_version_must_keep_its_file(folder):
    (folder / "bids" / "value" / "1.avsc").unlink()
    replace(folder, "bids/subject.yaml", "  1: {state: published}\n", "")

    with pytest.raises(DeclarationError, match=r"restore bids/value/1.avsc from git") as caught:
        read_schemas(folder, "bids")

    assert caught.value.where == "ids.lock, line 2"


def test_a_wrong_guid_is_named_with_the_right_one(folder):
    guid = str(guid_of(canonical_text(SECOND, SchemaFormat.AVRO, "f")))
    replace(folder, "ids.lock", guid, "00000000-0000-0000-0000-000000000001")

    with pytest.raises(DeclarationError, match=re.escape(f"write guid: {guid}")):
        read_schemas(folder, "bids")


def test_a_stream_without_schemas_is_told_where_they_go(folder):
    with pytest.raises(DeclarationError, match=r"auctions/subject.yaml"):
        read_schemas(folder, "auctions")


def test_without_a_lock_no_schema_is_known(tmp_path):
    assert known_schemas(tmp_path) == {}


def test_every_schema_with_an_id_is_known_by_it():
    known = known_schemas(ROOT / "schemas")

    assert {schema.subject: (id_, schema.version) for id_, schema in known.items()} == {
        "bids-value": (1, 1),
        "auctions-value": (2, 1),
        "persons-value": (3, 1),
    }
