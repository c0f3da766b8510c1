"""Changes of JSON Schemas, continued: lists, combinations, references, and versions in a row."""

from analytics_platform.registry.compatibility import BreakKind as K
from analytics_platform_tests.registry.compatibility.cases import Case, Chain, cases
from analytics_platform_tests.registry.compatibility.cases_json import (
    ANNOTATIONS,
    ANY_NUMBER,
    ARRAYS,
    CONDITIONS,
    CONFLUENT,
    CORE_2020,
    LOGIC,
    NEWEST,
    REFERENCES,
    TEXT,
    WHOLE,
    array,
    closed,
    narrowed,
    open_,
    text,
)
from analytics_platform_tests.registry.compatibility.schemas import json_

LISTS = (
    narrowed("items are narrowed", ARRAYS, array(ANY_NUMBER), array(WHOLE), K.TYPE),
    narrowed("items get a type", ARRAYS, {"type": "array"}, array(TEXT), K.TYPE),
    narrowed("fewer items are allowed", ARRAYS, array(maxItems=2), array(maxItems=1), K.BOUND),
    narrowed("more items are needed", ARRAYS, array(minItems=1), array(minItems=2), K.BOUND),
    narrowed("items must differ", ARRAYS, array(), array(uniqueItems=True), K.BOUND),
    ("one item differs from itself", ARRAYS, array(maxItems=1), array(maxItems=1, uniqueItems=True), None, None),
    narrowed("the first item is narrowed", ARRAYS, array([ANY_NUMBER]), array([WHOLE]), K.TYPE),
    narrowed(
        "further items are no more allowed", ARRAYS, array([TEXT]), array([TEXT], additionalItems=False), K.CONTENT
    ),
    narrowed(
        "the first item is narrowed, in 2020-12",
        CORE_2020,
        {"$schema": NEWEST, "prefixItems": [ANY_NUMBER]},
        {"$schema": NEWEST, "prefixItems": [WHOLE]},
        K.TYPE,
    ),
    narrowed("items must contain something", ARRAYS, array(), array(contains=TEXT), K.UNDECIDED),
    ("one item becomes a list", ARRAYS, TEXT, array(TEXT), K.TYPE, K.TYPE),
)
COMBINED = (
    narrowed("an alternative goes", LOGIC, {"anyOf": [TEXT, WHOLE]}, {"anyOf": [TEXT]}, K.UNION),
    ("alternatives change places", LOGIC, {"anyOf": [TEXT, WHOLE]}, {"anyOf": [WHOLE, TEXT]}, None, None),
    ("one type becomes one of two", LOGIC, TEXT, {"oneOf": [TEXT, WHOLE]}, None, K.TYPE),
    ("one of two becomes any of two", LOGIC, {"oneOf": [TEXT, WHOLE]}, {"anyOf": [TEXT, WHOLE]}, None, None),
    (
        "of two ways that overlap a document may be both",
        LOGIC,
        {"anyOf": [TEXT, text(minLength=2)]},
        {"oneOf": [TEXT, text(minLength=2)]},
        K.UNION,
        None,
    ),
    (
        "ways that a constant tells apart",
        LOGIC,
        {"anyOf": [open_(["k"], k={"const": "a"})]},
        {"oneOf": [open_(["k"], k={"const": "a"}), open_(["k"], k={"const": "b"})]},
        None,
        K.UNION,
    ),
    (
        "a conjunct is added; back again, jsoncompat is stricter",
        LOGIC,
        TEXT,
        {"allOf": [TEXT, {"maxLength": 3}]},
        K.BOUND,
        K.SECOND_OPINION,
    ),
    (
        "a conjunction becomes one schema; jsoncompat is stricter",
        LOGIC,
        {"allOf": [TEXT, {"maxLength": 3}]},
        text(maxLength=3),
        K.SECOND_OPINION,
        None,
    ),
    narrowed("something is excluded", LOGIC, TEXT, text(**{"not": {"const": "x"}}), K.UNDECIDED),
    narrowed(
        "a condition is added",
        CONDITIONS,
        open_(),
        {**open_(), "if": {"required": ["a"]}, "then": {"required": ["b"]}},
        K.UNDECIDED,
    ),
    (
        "nothing is allowed any more",
        "JSON Schema Core, draft-07, 4.3.1 boolean schemas",
        open_(a=TEXT),
        {**open_(a=TEXT), "not": {}},
        K.UNDECIDED,
        None,
    ),
    narrowed(
        "what was unevaluated is refused",
        CORE_2020,
        {"$schema": NEWEST, "type": "object"},
        {"$schema": NEWEST, "type": "object", "unevaluatedProperties": False},
        K.UNDECIDED,
    ),
)
TREE, LEAF = (
    {
        "definitions": {"t": {"type": "object", "properties": {"value": value, "left": {"$ref": "#/definitions/t"}}}},
        "$ref": "#/definitions/t",
    }
    for value in (ANY_NUMBER, WHOLE)
)
REFERRED = (
    (
        "a schema moves to its definition",
        REFERENCES,
        open_(a=TEXT),
        {**open_(a={"$ref": "#/definitions/t"}), "definitions": {"t": TEXT}},
        None,
        None,
    ),
    narrowed(
        "a definition is narrowed",
        REFERENCES,
        {"definitions": {"t": ANY_NUMBER}, **open_(a={"$ref": "#/definitions/t"})},
        {"definitions": {"t": WHOLE}, **open_(a={"$ref": "#/definitions/t"})},
        K.TYPE,
    ),
    narrowed("a recursive schema is narrowed", REFERENCES, TREE, LEAF, K.TYPE),
    (
        "beside $ref nothing counts in draft 7",
        REFERENCES,
        {"definitions": {"t": TEXT}, "$ref": "#/definitions/t"},
        {"definitions": {"t": TEXT}, "$ref": "#/definitions/t", "maxLength": 1},
        None,
        None,
    ),
    narrowed(
        "beside $ref everything counts in 2020-12",
        CORE_2020,
        {"$schema": NEWEST, "$defs": {"t": TEXT}, "$ref": "#/$defs/t"},
        {"$schema": NEWEST, "$defs": {"t": TEXT}, "$ref": "#/$defs/t", "maxLength": 1},
        K.BOUND,
    ),
    (
        "titles, descriptions, defaults and examples say nothing",
        ANNOTATIONS,
        TEXT,
        text(title="t", description="d", default="x", examples=["y"]),
        None,
        None,
    ),
    (
        "a keyword that nobody knows says nothing",
        "JSON Schema Core, draft-07, 6.4 extending",
        TEXT,
        text(pii="none"),
        None,
        None,
    ),
    ("another dialect", "JSON Schema Core, draft-07, 7 $schema", TEXT, {"$schema": NEWEST, **TEXT}, K.FORMAT, K.FORMAT),
)
JSON: list[Case] = cases("json", json_, (*LISTS, *COMBINED, *REFERRED))


def chain(name, versions, against):
    source = f"{CONFLUENT}, transitive"
    return Chain(name=f"json: {name}", source=source, versions=tuple(map(json_, versions)), against=against)


BACK, FORTH = ("BACKWARD", "FULL"), ("FORWARD", "FULL")
CHAINS = [
    chain(
        "closed properties come one by one",
        (closed(), closed(a=TEXT), closed(a=TEXT, b=TEXT)),
        {
            **{level: {1} for level in FORTH},
            **{f"{level}_TRANSITIVE": {0, 1} for level in FORTH},
        },
    ),
    chain(
        "open properties come one by one",
        (open_(), open_(a=TEXT), open_(a=TEXT, b=TEXT)),
        {
            **{level: {1} for level in BACK},
            **{f"{level}_TRANSITIVE": {0, 1} for level in BACK},
        },
    ),
    chain(
        "a type is widened and narrowed again",
        (WHOLE, ANY_NUMBER, WHOLE),
        {
            **{level: {1} for level in (*BACK, *(f"{level}_TRANSITIVE" for level in BACK))},
        },
    ),
]
