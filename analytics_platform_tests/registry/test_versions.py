import json

import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import require_valid
from analytics_platform.registry.page import page_of
from analytics_platform.registry.versions import read_versions, streams_in, text_of
from analytics_platform_tests.registry.compatibility.schemas import field, record

SUBJECT = """\
owner: team:shop
compatibility: FULL
versions:
  1: {state: published}
  2: {state: draft}
fields:
  price: {pii: none, unit: US cents}
"""


def written(folder, name, subject, **files):
    (folder / name / "value").mkdir(parents=True)
    (folder / name / "subject.yaml").write_text(subject)
    for number, source in files.items():
        (folder / name / "value" / f"{number[1:]}.avsc").write_text(json.dumps(source))


def test_versions_are_read_with_their_states_their_level_and_what_is_decided(tmp_path):
    written(tmp_path, "sales", SUBJECT, v1=record(field("long", "price")), v2=record(field("long", "price")))

    found = read_versions(tmp_path, "sales")

    assert (found.owner, found.level) == ("team:shop", Compatibility.FULL)
    assert ([v.number for v in found.published], [v.number for v in found.drafts]) == ([1], [2])
    assert found.decided["price"].unit == "US cents"
    assert streams_in(tmp_path) == ["sales"]


def test_a_reference_is_read_from_the_other_folder(tmp_path):
    money = {"type": "record", "name": "Money", "fields": [field("long", "amount")]}
    written(tmp_path, "money", "versions: {1: {state: published}}", v1=money)
    uses = "versions: {1: {state: draft, references: [{name: Money, subject: money-value, version: 1}]}}"
    written(tmp_path, "sales", uses, v1=record(field("Money", "price")))

    [version] = read_versions(tmp_path, "sales").versions

    require_valid(version.schema)
    assert version.schema.references[0].name == "Money"


@pytest.mark.parametrize(
    "subject",
    [
        "versions: {1: {state: draft}}\nfields: [price]",
        "versions: {1: {state: draft}}\nfields: {price: none}",
        "versions: {1: {state: draft}}\nfields: {price: {owner: me}}",
        "versions: {1: {state: draft}}\ncompatibility: SOMETIMES",
        "versions: {2: {state: draft}}",
        "versions: {1: {state: draft, references: [{name: X}]}}",
    ],
)
def test_what_cannot_be_read_is_refused_with_its_file(tmp_path, subject):
    written(tmp_path, "sales", subject, v1=record())

    with pytest.raises(DeclarationError, match="sales"):
        read_versions(tmp_path, "sales")


def test_a_file_anywhere_says_its_format_by_its_name(tmp_path):
    (tmp_path / "x.txt").write_text("{}")

    with pytest.raises(DeclarationError, match="says no format"):
        text_of(tmp_path / "x.txt")


def test_a_page_names_the_versions_the_fields_and_what_changed(tmp_path):
    priced = record(field("long", "price", doc="A | B"), field(["null", "string"], "note", default=None))
    written(tmp_path, "sales", SUBJECT, v1=record(field("long", "price", doc="A | B")), v2=priced)

    page = page_of(read_versions(tmp_path, "sales"))

    assert "| `price` | long |  | none | US cents | A \\| B |" in page
    assert "- `+ note: null | string, optional, default None`" in page
    assert "| 2 | draft | `sales/value/2.avsc` |" in page
