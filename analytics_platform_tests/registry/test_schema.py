import json
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.schema import canonical_text, digest_of, guid_of

AVRO = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}'
NAMES = st.text("abé ", max_size=3)
ANNOTATIONS = st.recursive(st.none() | st.integers() | NAMES, lambda inner: st.dictionaries(NAMES, inner, max_size=3))


def test_the_canonical_text_has_sorted_keys_no_white_space_and_no_escapes():
    assert canonical_text('{"type": "object",\n "title": "\\u00e9"}', SchemaFormat.JSON, "f") == (
        '{"title":"é","type":"object"}'
    )


@given(st.dictionaries(NAMES, ANNOTATIONS, max_size=4), st.integers(0, 4))
def test_layout_and_order_of_keys_do_not_change_a_digest(source, indent):
    source = {"x-notes": source, "type": "object"}
    one = json.dumps(source)
    other = json.dumps(dict(reversed(source.items())), indent=indent, ensure_ascii=False)

    canonical = canonical_text(one, SchemaFormat.JSON, "f")

    assert canonical_text(other, SchemaFormat.JSON, "f") == canonical
    assert canonical_text(canonical, SchemaFormat.JSON, "f") == canonical


def test_the_digest_is_sha256_in_hex_and_the_guid_of_equal_schemas_is_equal():
    assert digest_of("é") == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"
    assert guid_of("é") == uuid5(NAMESPACE_OID, "é")


@pytest.mark.parametrize(
    ("text", "format_", "problem"),
    [
        ("{", SchemaFormat.AVRO, "f, line 1, column 2: is no JSON"),
        ('{\n"a": 1,}', SchemaFormat.JSON, "f, line 2, column "),
        ('{"a": 1, "a": 2}', SchemaFormat.JSON, "f: 'a' stands twice"),
        ('{"type": "record"}', SchemaFormat.AVRO, "f: is no Avro schema"),
        (
            '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "x"}]}',
            SchemaFormat.AVRO,
            "f: 'x' is no type",
        ),
        ("5", SchemaFormat.AVRO, "f: "),
        ('["null", "nothing"]', SchemaFormat.AVRO, "f: 'nothing' is no type"),
        ("5", SchemaFormat.JSON, "f: the schema is no object"),
        ('{"type": "float"}', SchemaFormat.JSON, "f: the schema has type 'float'"),
        ('{"properties": {"a": {"type": ["long"]}}}', SchemaFormat.JSON, "f: /properties/a has type 'long'"),
        ('{"properties": []}', SchemaFormat.JSON, "f: /properties is no object"),
        ('{"items": {"required": "a"}}', SchemaFormat.JSON, "f: /items/required is no list of names"),
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(text, format_, problem):
    with pytest.raises(DeclarationError) as caught:
        canonical_text(text, format_, "f")

    assert str(caught.value).startswith(problem)
    assert caught.value.remedy


def test_one_schema_does_not_see_the_names_of_another():
    canonical_text(AVRO, SchemaFormat.AVRO, "f")

    assert canonical_text(AVRO, SchemaFormat.AVRO, "f")
    with pytest.raises(DeclarationError, match="'R' is no type"):
        canonical_text('["null", "R"]', SchemaFormat.AVRO, "f")
