"""Nothing personal is left in the clear, whatever a record looks like; all else stays, and the same comes out again."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import fastavro
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.ingest.at_source import AtSource
from analytics_platform.ingest.decode import decode
from analytics_platform.ingest.protect import protect
from analytics_platform.ingest.protected_schema import protected_schemas
from analytics_platform.local.auction_house.faults import Fault
from analytics_platform.local.auction_house.plan import Kind
from analytics_platform.product import FromKey
from analytics_platform.product.privacy import Privacy, Treatment
from analytics_platform.products.bids import BIDS
from analytics_platform.products.persons import PERSONS
from analytics_platform.registry.folder import read_schemas
from analytics_platform.registry.privacy import rules_of
from analytics_platform.security.privacy.ciphers import SEALED, decrypt, subject_in
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform.security.privacy.protector import Protector
from analytics_platform.settings import ROOT
from analytics_platform_tests.house_records import house_records, one_record

KEEP, TOKENISE, MASK, DROP, ENCRYPT = Treatment
PERSON_TAGS = {"id": "person", "name": "name", "emailAddress": "email", "creditCard": "payment", "city": "address"}
PERSON_TAGS |= {"state": "address", "dateTime": "none", "extra": "none"}
BID_TAGS = {"auction": "none", "bidder": "person", "price": "none", "channel": "none", "url": "link"}
BID_TAGS |= {"dateTime": "none", "extra": "none"}
TREATMENTS = {"person": KEEP, "name": ENCRYPT, "email": TOKENISE, "payment": MASK, "address": KEEP, "link": KEEP}
TOPIC, DAY, NOON = UUID(int=1), "20261126", datetime(2026, 11, 26, 12, tzinfo=UTC)
NAME, EMAIL, CARD = "Cassandra Canary", "cassandra@canary.example", "4111 2222 3333 9876"
PERSON = {"id": 1007, "name": NAME, "emailAddress": EMAIL, "creditCard": CARD, "city": "Bend", "state": "OR"}
PERSON |= {"dateTime": "2026-11-26T12:00:00Z", "extra": "x"}
CANARIES = [NAME, EMAIL, CARD, "Cassandra", "canary.example", "2222"]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return KeyFiles(tmp_path_factory.mktemp("keys") / "keys")


class Case:
    """A stream with its schemas, its policy and keys."""

    def __init__(self, keys, stream, schemas, tags, **changed):
        treatments = {**TREATMENTS, **changed}
        self.keys, self.stream, self.schemas = keys, stream, schemas
        privacy = Privacy(treatments=treatments, tags=tags, subject="id" if "id" in tags else None)
        self.rules = {id_: rules_of(schema, privacy) for id_, schema in schemas.writers.items()}

    def protect(self, records):
        return protect(records, self.stream, self.schemas, self.rules, Protector(self.keys, self.stream.name, DAY))

    def decode(self, records):
        dropped = {id_: rules.dropped for id_, rules in self.rules.items()}
        return decode(records, self.stream, protected_schemas(self.schemas, dropped), TOPIC)

    def clear(self, records):
        return decode(records, self.stream, self.schemas, TOPIC)


def persons(keys, **changed):
    return Case(keys, PERSONS, read_schemas(ROOT / "schemas", "persons"), PERSON_TAGS, **changed)


def bids(keys, **changed):
    return Case(keys, BIDS, read_schemas(ROOT / "schemas", "bids"), BID_TAGS, **changed)


def some_persons(case, count=200, faults=()):
    return house_records(Kind.PERSONS, count, case.schemas.reader.id, is_json=True, faults=faults)


def person(case, text, **about):
    return one_record(text, schema_id=case.schemas.reader.id, **about)


def all_bytes(records):
    """Everything that a table holds, as one text."""
    return repr(records.to_pylist())


def test_persons_keep_all_but_what_is_protected(keys):
    case = persons(keys)
    records = some_persons(case)
    clear, found = case.clear(records), case.decode(case.protect(records))
    same = [name for name in clear.column_names if name not in ("name", "emailAddress", "creditCard")]
    assert found.select(same).equals(clear.select(same))
    assert not set(clear["emailAddress"].to_pylist()) & set(found["emailAddress"].to_pylist())
    for was, masked in zip(clear["creditCard"].to_pylist(), found["creditCard"].to_pylist(), strict=True):
        assert masked == f"**** **** **** {was[-4:]}"


def test_a_name_opens_with_the_key_of_its_person_alone(keys):
    case = persons(keys)
    records = some_persons(case, 50)
    names, found = case.clear(records)["name"].to_pylist(), case.decode(case.protect(records))["name"].to_pylist()
    known = keys.of_subjects([subject_in(text) for text in found], create=False)
    assert len(known) == 50
    assert [decrypt(text, known[subject_in(text)], "persons.name") for text in found] == names


@pytest.mark.parametrize("make", [persons, bids])
@pytest.mark.parametrize("cut", [1, 7, 64])
def test_the_same_bytes_come_out_however_the_records_are_cut(keys, make, cut):
    case = make(keys)
    kind, is_json = (Kind.PERSONS, True) if make is persons else (Kind.BIDS, False)
    records = house_records(kind, 130, case.schemas.reader.id, is_json=is_json, faults=list(Fault))
    parts = [case.protect(records.slice(at, cut)) for at in range(0, 130, cut)]
    assert pa.concat_tables(parts).equals(case.protect(records))


@pytest.mark.parametrize("treatment", [TOKENISE, DROP])
def test_bids_keep_all_but_the_bidder(keys, treatment):
    case = bids(keys, person=treatment)
    records = house_records(Kind.BIDS, 300, case.schemas.reader.id)
    clear, found = case.clear(records), case.decode(case.protect(records))
    same = [name for name in clear.column_names if name != "bidder"]
    assert found.select(same).equals(clear.select(same))
    before, after = clear["bidder"].to_pylist(), found["bidder"].to_pylist()
    if treatment is DROP:
        assert set(after) == {None}
    else:
        assert [after.index(token) for token in after] == [before.index(value) for value in before]
        assert not set(before) & set(after)


def test_tokens_of_one_kind_join_across_streams(keys):
    ours, theirs = persons(keys, person=TOKENISE), bids(keys, person=TOKENISE)
    records = some_persons(ours, 30)
    known = dict(
        zip(ours.clear(records)["id"].to_pylist(), ours.decode(ours.protect(records))["id"].to_pylist(), strict=True)
    )
    records = house_records(Kind.BIDS, 300, theirs.schemas.reader.id)
    bidders = zip(
        theirs.clear(records)["bidder"].to_pylist(), theirs.decode(theirs.protect(records))["bidder"].to_pylist(),
        strict=True,
    )  # fmt: skip
    shared = [(bidder, token) for bidder, token in bidders if bidder in known]
    assert len(shared) > 10
    assert all(known[bidder] == token for bidder, token in shared)


@pytest.mark.parametrize("treatment", [TOKENISE, MASK, DROP, ENCRYPT])
@pytest.mark.parametrize(
    "body",
    [
        json.dumps(PERSON),
        json.dumps(PERSON, separators=(",", ":")),
        json.dumps(PERSON, indent=2),
        json.dumps({**PERSON, "undeclared": EMAIL, CARD: 1}),
        json.dumps(PERSON).replace("C", "\\u0043"),
        json.dumps(PERSON)[:-1] + f', "name": "{NAME}"}}',
        json.dumps({**PERSON, "id": NAME}),
        json.dumps({**PERSON, "dateTime": None, "name": {"first": NAME}, "emailAddress": [EMAIL]}),
        json.dumps({**PERSON, "name": NAME * 1000}),
        json.dumps({**PERSON, "name": NAME + "\ud800"}),
        json.dumps(PERSON)[:-9],
        json.dumps(PERSON) + EMAIL,
        EMAIL,
        json.dumps([PERSON]),
    ],
)
def test_nothing_of_a_person_is_left_however_it_was_written(keys, body, treatment):
    case = persons(keys, name=treatment, email=treatment, payment=treatment)
    found = all_bytes(case.protect(person(case, body.encode("utf-8", "replace"))))
    assert [canary for canary in CANARIES if canary in found] == []


def test_bodies_in_no_known_schema_are_sealed_whole(keys):
    case = persons(keys)
    body = json.dumps(PERSON).encode()
    for record in (one_record(body, schema_id=999_999), one_record(body), one_record(b"\xff" + body)):
        value = case.protect(record)["value"][0].as_py()
        assert value.startswith(SEALED + DAY.encode())
        assert NAME.encode() not in value


@pytest.mark.parametrize("treatment", [TOKENISE, MASK, DROP, ENCRYPT])
def test_a_batch_of_which_nothing_can_be_read_is_sealed_whole(keys, treatment):
    for case in (persons(keys, name=treatment), bids(keys, person=TOKENISE, link=treatment)):
        broken = [person(case, NAME.encode()), one_record(NAME.encode()), person(case, b"")]
        values = case.protect(pa.concat_tables(broken))["value"].to_pylist()
        assert [value[: len(SEALED)] for value in values] == [SEALED, SEALED, SEALED]
        tombstones = pa.concat_tables([one_record(None), one_record(None)])
        assert case.protect(tombstones)["value"].to_pylist() == [None, None]


def test_a_tombstone_stays_one(keys):
    case = persons(keys)
    assert case.protect(one_record(None, key=b"1007"))["value"].to_pylist() == [None]


def test_a_key_stays_only_where_it_is_the_field_that_stays(keys):
    case, body = persons(keys), json.dumps(PERSON).encode()
    kept = [case.protect(person(case, body, key=key))["key"][0].as_py() for key in (b"1007", EMAIL.encode(), None)]
    assert kept[0] == b"1007"
    assert re.fullmatch(rb"tok_.{20}", kept[1])
    assert kept[2] is None
    tokenised = persons(keys, person=TOKENISE).protect(person(case, body, key=b"1007"))["key"][0].as_py()
    assert tokenised.isdigit()
    assert tokenised != b"1007"
    assert case.protect(one_record(b"broken", key=b"1007"))["key"][0].as_py() != b"1007"


def test_a_key_that_is_an_identity_still_tells_events_apart(keys):
    case = persons(keys)
    case.stream = replace(case.stream, identity=FromKey(), key=None)
    records = pa.concat_tables([person(case, json.dumps(PERSON).encode(), key=k) for k in (b"a", b"b", b"a")])
    first, second, third = case.decode(case.protect(records))["event_id"].to_pylist()
    assert first == third != second


def test_headers_stay_where_they_are_declared_and_plain(keys):
    case = persons(keys)
    trace = b"00-a075b548111fa8b7c6a0dace99400f48-6377f7add69b2088-01"
    sent = [("event_id", b"0190-a"), ("traceparent", trace), ("who", EMAIL.encode()), (EMAIL, b"x"), ("event_id", None)]
    sent += [("event_id", EMAIL.encode()), ("traceparent", NAME.encode())]
    record = person(case, json.dumps(PERSON).encode(), headers=sent)
    found = case.protect(record)["headers"][0].as_py()
    assert [(pair["key"], pair["value"]) for pair in found[:2]] == sent[:2]
    assert found[4] == {"key": "event_id", "value": None}
    assert [pair["key"] for pair in found[5:]] == ["event_id", "traceparent"]
    assert [canary for canary in CANARIES if canary in repr(found)] == []


def test_the_header_that_names_a_schema_is_still_read(keys):
    case = persons(keys)
    header = b"\x01" + case.schemas.reader.guid.bytes
    record = one_record(json.dumps(PERSON).encode(), headers=[("__value_schema_id", header)])
    found = case.decode(case.protect(record))
    assert found["reason"].to_pylist() == ["missing identity"]
    assert found["city"].to_pylist() == ["Bend"]


def test_who_is_erased_is_tokenised_from_then_on(keys):
    case = persons(keys)
    record = person(case, json.dumps({**PERSON, "id": 77}).encode())
    before = case.decode(case.protect(record))["name"][0].as_py()
    keys.erase(subject_in(before))
    after = case.decode(case.protect(record))["name"][0].as_py()
    assert after.startswith("tok_")
    other = person(case, json.dumps({**PERSON, "id": 78}).encode())
    assert case.decode(case.protect(other))["name"][0].as_py().startswith("enc_")


TEXT = {"type": "string"}
AVRO = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "a", "type": "long"},
        {"name": "who", "type": ["null", "string"]},
        {"name": "b", "type": "double"},
        {"name": "id", "type": ["long", "null"]},
        {"name": "c", "type": "string"},
    ],
}
WITH_LIST = {**AVRO, "fields": [*AVRO["fields"], {"name": "list", "type": {"type": "array", "items": "int"}}]}
ROWS = st.fixed_dictionaries(
    {
        "a": st.integers(-(2**63), 2**63 - 1),
        "who": st.none() | st.text(max_size=300),
        "b": st.floats(allow_nan=False),
        "id": st.none() | st.integers(-(2**63), 2**63 - 1),
        "c": st.text(max_size=20),
        "list": st.lists(st.integers(0, 9), max_size=3),
    }
)


def avro_case(keys, source, **changed):
    about = {"subject": "r-value", "version": 1, "format": SchemaFormat.AVRO, "text": json.dumps(source)}
    schema = Schema(id=5, guid=UUID(int=5), **about)
    tags = {"a": "none", "b": "none", "c": "none", "id": "person", "who": "name", "list": "none"}
    tags = {name: tag for name, tag in tags.items() if name in {field["name"] for field in source["fields"]}}
    stream = replace(BIDS, name="r", key=None, rules=(), event_time=PERSONS.identity)
    return Case(keys, stream, StreamSchemas(stream="r", reader=schema, writers={5: schema}), tags, **changed)


def written(source, row):
    from io import BytesIO

    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(source))), row)
    return out.getvalue()


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, min_size=1, max_size=6))
@pytest.mark.parametrize("changed", [{"name": ENCRYPT}, {"name": TOKENISE, "person": TOKENISE}, {"name": DROP}])
def test_avro_keeps_all_but_what_is_protected_with_and_without_a_fast_path(keys, rows, changed):
    found = []
    for source in (AVRO, WITH_LIST):
        case = avro_case(keys, source, **changed)
        records = pa.concat_tables([one_record(written(source, row), schema_id=5) for row in rows])
        clear, decoded = case.clear(records), case.decode(case.protect(records))
        assert decoded.select(["a", "b", "c"]).equals(clear.select(["a", "b", "c"]))
        assert decoded["reason"].equals(clear["reason"])
        nulls = [value is None for value in clear["who"].to_pylist()]
        expected = [True] * len(rows) if changed["name"] is DROP else nulls
        assert [value is None for value in decoded["who"].to_pylist()] == expected
        found.append(decoded.select(["a", "who", "b", "id", "c"]))
    assert found[0].equals(found[1])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(max_size=30), spaces=st.sampled_from(["", " ", "\n "]), escaped=st.booleans(), copies=st.integers(1, 3)
)
def test_a_json_body_is_protected_alike_however_it_is_written(keys, name, spaces, escaped, copies):
    case = persons(keys)
    texts = [json.dumps({**PERSON, "name": name}, ensure_ascii=escaped, separators=(f",{spaces}", f":{spaces}"))]
    records = pa.concat_tables([person(case, texts[0].encode())] * copies + [some_persons(case, 40)])
    plain = case.decode(case.protect(person(case, json.dumps({**PERSON, "name": name}).encode())))
    found = case.decode(case.protect(records)).slice(0, copies)
    columns = [*PERSON, "reason"]
    assert found.select(columns).equals(pa.concat_tables([plain] * copies).select(columns))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    spaces=st.sampled_from(["", " ", "\n "]),
    escaped=st.booleans(),
)
@pytest.mark.parametrize("treatment", [TOKENISE, MASK, DROP, ENCRYPT])
def test_the_same_bytes_come_out_whatever_a_body_comes_with(keys, text, spaces, escaped, treatment):
    case = persons(keys, name=treatment)
    body = json.dumps({**PERSON, "name": text, "extra": text}, ensure_ascii=escaped, separators=(f",{spaces}", ": "))
    record = person(case, body.encode())
    alone = case.protect(record)["value"].to_pylist()
    for company in ([record] * 40, [some_persons(case, 40)]):
        assert case.protect(pa.concat_tables([record, *company]))["value"].to_pylist()[:1] == alone


@pytest.mark.parametrize("make", [persons, bids])
def test_what_was_protected_at_the_source_is_not_protected_again(keys, make):
    case = make(keys)
    kind, is_json = (Kind.PERSONS, True) if make is persons else (Kind.BIDS, False)
    records = house_records(kind, 60, case.schemas.reader.id, is_json=is_json, faults=list(Fault))
    source = AtSource(case.stream, case.schemas, case.rules, keys, lambda: NOON)
    left = source.records(records)
    assert left.equals(case.protect(records))
    assert case.protect(left).equals(left)


def test_a_serializer_can_be_wrapped(keys):
    case = persons(keys)
    source = AtSource(case.stream, case.schemas, case.rules, keys, lambda: NOON)
    body = b"\0" + case.schemas.reader.id.to_bytes(4, "big") + json.dumps(PERSON).encode()
    left = source.value(body)
    assert [canary for canary in CANARIES if canary.encode() in left] == []
    assert case.decode(case.protect(one_record(left)))["emailAddress"][0].as_py() in left.decode("latin1")


def test_numbers_and_what_is_dropped_wait_for_the_landing(keys):
    case = bids(keys, person=TOKENISE, link=DROP)
    records = house_records(Kind.BIDS, 40, case.schemas.reader.id)
    source = AtSource(case.stream, case.schemas, case.rules, keys, lambda: NOON)
    assert case.protect(source.records(records)).equals(case.protect(records))


@pytest.mark.parametrize("treatment", [TOKENISE, MASK, DROP, ENCRYPT])
def test_no_text_that_is_treated_leaves_its_producer(keys, treatment):
    case = persons(keys, name=treatment, email=treatment, payment=treatment)
    source = AtSource(case.stream, case.schemas, case.rules, keys, lambda: NOON)
    for body in (json.dumps(PERSON), json.dumps(PERSON, indent=2), json.dumps({**PERSON, "undeclared": EMAIL})):
        record = person(case, body.encode(), key=b"1007")
        left = source.records(record)
        assert [canary for canary in CANARIES if canary in all_bytes(left)] == []
        assert case.protect(left).equals(case.protect(record))


def test_a_forged_token_is_a_value_like_any_other(keys):
    case = persons(keys)
    forged = "tok_" + "A" * 20
    record = person(case, json.dumps({**PERSON, "emailAddress": forged, "name": "enc_" + "A" * 60}).encode())
    found = case.decode(case.protect(record)).to_pylist()[0]
    assert forged not in (found["emailAddress"], found["name"])
    assert "A" * 20 not in found["name"]
