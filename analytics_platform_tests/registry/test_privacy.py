"""Every field gets what its tag asks for; what nobody has decided is dropped, and what does not fit is said."""

import json
from uuid import UUID

import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import Schema, SchemaFormat
from analytics_platform.product import Pipeline
from analytics_platform.product.privacy import FieldRule, Privacy, Treatment
from analytics_platform.products.bids import BIDS
from analytics_platform.products.persons import PERSONS
from analytics_platform.registry.compatibility import SchemaText
from analytics_platform.registry.privacy import privacy_faults, rules_of
from analytics_platform.registry.privacy_file import pipeline_with_privacy, policy_in
from analytics_platform.registry.subject import Decision

KEEP, TOKENISE, MASK, DROP, ENCRYPT = Treatment
TREATMENTS = {"email": TOKENISE, "name": ENCRYPT, "person": KEEP, "payment": MASK}


def record(*fields):
    return json.dumps({"type": "record", "name": "R", "fields": list(fields)})


def schema(*fields):
    about = {"subject": "r-value", "version": 1, "format": SchemaFormat.AVRO, "text": record(*fields)}
    return Schema(id=1, guid=UUID(int=1), **about)


def rule(name, tag, treatment, *, is_text=True):
    return FieldRule(name=name, tag=tag, treatment=treatment, is_text=is_text)


def field(name, type_="string", **about):
    return {"name": name, "type": type_, **about}


def rules(*fields, tags=None, treatments=None):
    return rules_of(schema(*fields), Privacy(treatments=treatments or TREATMENTS, tags=tags or {})).fields


def test_the_tag_decides_wherever_it_is_said():
    found = rules(field("e", pii="email"), field("n"), field("p", "long", pii="person"), tags={"n": "name"})
    assert found == (rule("e", "email", TOKENISE), rule("n", "name", ENCRYPT))


@pytest.mark.parametrize(
    ("fields", "dropped"),
    [
        ([field("e")], ["e"]),  # nobody has decided
        ([field("e", pii="shoe_size")], ["e"]),  # the policy says nothing of it
        ([field("e", pii="none"), field("n", ["null", "double"], pii="email")], ["n"]),  # no token of it can be made
        ([field("n", "long", pii="payment")], ["n"]),  # no mask either
        ([field("n", {"type": "long", "logicalType": "timestamp-millis"}, pii="email")], ["n"]),
        ([field("n", "int", pii="email")], ["n"]),  # a token needs more bits
    ],
)
def test_what_cannot_be_treated_is_dropped(fields, dropped):
    assert rules(*fields) == tuple(
        rule(name, found.get("pii", ""), DROP, is_text=found["type"] == "string")
        for name in dropped
        for found in fields
        if found["name"] == name
    )


def test_what_lies_inside_a_field_takes_all_of_it_along():
    inner = {"type": "record", "name": "I", "fields": [field("mail", pii="email"), field("size", "long", pii="none")]}
    assert rules(field("meta", inner)) == (rule("meta", "email", DROP, is_text=False),)
    plain = {"type": "record", "name": "I", "fields": [field("size", "long", pii="none")]}
    assert rules(field("meta", plain)) == ()
    mails = field("mails", {"type": "array", "items": "string"}, pii="email")
    assert rules(mails) == (rule("mails", "email", DROP, is_text=False),)


def test_dropping_wins_over_whatever_else_is_said_of_a_field():
    inner = {"type": "record", "name": "I", "fields": [field("mail", pii="email")]}
    assert rules(field("meta", inner, pii="name")) == (rule("meta", "email", DROP, is_text=False),)


def test_a_plain_drop_is_a_drop():
    assert rules(field("n", pii="name"), treatments={"name": DROP}) == (rule("n", "name", DROP),)


def faults(*fields, subject="id", **decided):
    privacy = Privacy(treatments=TREATMENTS, subject=subject)
    text = SchemaText(format=SchemaFormat.AVRO, text=record(field("id", "long", pii="person"), *fields))
    return [
        f"{each.path} {each.problem}"
        for each in privacy_faults(text, {n: Decision(pii=p) for n, p in decided.items()}, privacy)
    ]


def test_faults_name_what_tags_and_policy_lack():
    assert faults(field("e", pii="email"), field("n"), n="name") == []
    assert faults(field("s", pii="shoe_size")) == ["s is shoe_size, of which privacy.yaml says nothing"]
    assert faults(field("n", "double", pii="email")) == ["n is double, of which none can be made"]
    assert faults(field("n", pii="name"), subject=None) == ["n is encrypted for nobody"]
    assert faults(subject="whom") == ["whom is the subject, and no field"]
    inner = {"type": "record", "name": "I", "fields": [field("mail", pii="email")]}
    assert faults(field("meta", inner, pii="none")) == ["meta.mail cannot be treated inside meta"]


def folder(tmp_path, policy, tags="{n: {pii: name}, id: {pii: person}}"):
    (tmp_path / "persons" / "value").mkdir(parents=True)
    (tmp_path / "persons" / "value" / "1.avsc").write_text(record(field("n"), field("id", "long")))
    (tmp_path / "persons" / "subject.yaml").write_text(
        f"subject: id\nversions: {{1: {{state: published}}}}\nfields: {tags}\n"
    )
    if policy is not None:
        (tmp_path / "privacy.yaml").write_text(policy)
    return tmp_path


@pytest.mark.parametrize("policy", [None, "tags: {person: keep, name: keep}"])
def test_without_a_policy_that_treats_anything_nothing_is_protected(tmp_path, policy):
    pipeline = Pipeline(name="p", streams=(PERSONS, BIDS), models=())
    assert [s.privacy for s in pipeline_with_privacy(pipeline, folder(tmp_path, policy)).streams] == [None, None]


def test_a_stream_gets_the_policy_and_what_its_subject_says(tmp_path):
    pipeline = Pipeline(name="p", streams=(PERSONS, BIDS), models=())
    persons, bids = pipeline_with_privacy(pipeline, folder(tmp_path, "tags: {person: keep, name: encrypt}")).streams
    assert persons.privacy == Privacy(
        treatments={"person": KEEP, "name": ENCRYPT}, tags={"n": "name", "id": "person"}, subject="id"
    )
    assert bids.privacy is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tags: {name: hide}", "name is to be 'hide'"),
        ("tags: {none: drop}", "none is to be 'drop'"),
        ("tags: [name]", "has no tags"),
        ("tags: {}\nsealed_for_days: 0", "sealed_for_days is 0"),
        ("tags: {}\nroles: {}", "says roles"),
        ("just text", "privacy.yaml"),
    ],
)
def test_a_policy_that_says_something_else_is_refused(tmp_path, text, problem):
    (tmp_path / "privacy.yaml").write_text(text)
    with pytest.raises(DeclarationError, match=problem):
        policy_in(tmp_path)
