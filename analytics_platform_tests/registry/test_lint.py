import pytest

from analytics_platform.registry.lint import faults_of, words_of
from analytics_platform.registry.subject import Decision
from analytics_platform_tests.registry.compatibility.schemas import avro, field, json_, record

MILLIS = {"type": "long", "logicalType": "timestamp-millis"}


def said(type_, name="f", **more):
    return field(type_, name, doc="What it means.", **({"pii": "none"} | more))


def problems(*fields, decided=None):
    return [(fault.path, fault.problem) for fault in faults_of(avro(record(*fields)), decided or {})]


def test_a_field_of_which_everything_is_said_has_no_fault():
    assert problems(said("long", "price_cents"), said("long", "size", unit="bytes"), said(MILLIS, "created_at")) == []


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (field("int", pii="none"), "has no doc"),
        (field("int", doc="  ", pii="none"), "has no doc"),
        (field("int", doc="Known."), "nobody has decided whether it is personal data"),
        (said("int", pii="E Mail"), "pii 'E Mail' is no tag"),
        (said("int", "Bad"), "'Bad' is no good name"),
        (said("double", "price"), "is a measure without a unit"),
        (said("long", "totalAmount"), "is a measure without a unit"),
        (said("long", "created_at"), "is a time by its name and a bare value by its type"),
        (said("string", "dateTime"), "is a time by its name and a bare value by its type"),
    ],
)
def test_each_rule_finds_its_fault(bad, problem):
    assert problems(bad) == [(bad["name"], problem)]


@pytest.mark.parametrize("name", ["message", "stage", "category", "format", "page", "sizes_seen", "tattoo"])
def test_a_word_inside_another_is_neither_a_measure_nor_a_time(name):
    assert problems(said("long", name)) == []


def test_a_text_has_no_unit():
    assert problems(said("string", "price")) == []


def test_what_subject_yaml_decides_counts_for_published_versions():
    bare = field("long", "price", doc="Known.")

    assert problems(bare, decided={"price": Decision(pii="none", unit="US cents")}) == []


def test_two_decisions_must_agree_and_each_must_have_a_field():
    found = problems(said("int"), decided={"f": Decision(pii="email"), "gone": Decision(pii="none")})

    assert [path for path, _ in found] == ["f", "gone"]


def test_a_field_that_only_holds_others_needs_no_decision():
    inner = record(said("int", "x"), name="In")

    assert problems(field(inner, "o", doc="A group.")) == []


def test_names_of_one_schema_are_written_in_one_way():
    assert [path for path, _ in problems(said("int", "itemName"), said("int", "item_kind"))] == ["item_kind"]


def test_json_is_judged_by_the_same_rules():
    schema = json_({"type": "object", "properties": {"at": {"type": "string", "description": "When.", "pii": "none"}}})

    assert [fault.problem for fault in faults_of(schema, {})] == ["is a time by its name and a bare value by its type"]


def test_names_are_cut_into_words():
    assert words_of("initialBidUSD2") == ["initial", "bid", "usd", "2"]
    assert words_of("price_cents") == ["price", "cents"]
