"""Changes of Avro schemas, from the specification (1.12.0) and Confluent's documentation. Written anew, none copied."""

from analytics_platform.registry.compatibility import BreakKind as K
from analytics_platform_tests.registry.compatibility.cases import Case, cases
from analytics_platform_tests.registry.compatibility.schemas import avro, field, record

RESOLUTION = "Avro 1.12.0 specification, Schema Resolution"
RECORDS = f"{RESOLUTION}, records"
ENUMS = f"{RESOLUTION}, enums"
UNIONS = f"{RESOLUTION}, unions"
PROMOTION = f"{RESOLUTION}, promotable types"
FIXED = f"{RESOLUTION}, fixed"
NAMES = "Avro 1.12.0 specification, Names"
ALIASES = "Avro 1.12.0 specification, Aliases"
LOGICAL = "Avro 1.12.0 specification, Logical Types"
DECIMAL = f"{LOGICAL}, Decimal: schemas match if scales and precisions match"
DEFAULTS = "Avro 1.12.0 specification, Complex Types, Records: field default values"
CONFLUENT = "Confluent Platform documentation, Schema Evolution and Compatibility"

A = field("int", "a")


def enum(*symbols, name="E", **more):
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def fixed(size, name="F", **more):
    return {"type": "fixed", "name": name, "size": size, **more}


def of(type_, **more):
    """A record whose one field has that type."""
    return record(field(type_, **more))


def promotion(old, new):
    return (f"{old} to {new}", PROMOTION, of(old), of(new), None, K.TYPE)


def unrelated(old, new):
    return (f"{old} to {new}", RESOLUTION, of(old), of(new), K.TYPE, K.TYPE)


LISTED = {"type": "record", "name": "Node", "fields": [field(["null", "Node"], "next"), A]}
WIDER = {"type": "record", "name": "Node", "fields": [field(["null", "Node"], "next"), field("long", "a")]}
OPTIONAL = ["null", "string"]

PROMOTED = (
    *(promotion("int", to) for to in ("long", "float", "double")),
    *(promotion("long", to) for to in ("float", "double")),
    promotion("float", "double"),
    ("string to bytes", PROMOTION, of("string"), of("bytes"), None, K.TYPE),
    ("bytes to string, stricter: few bytes are UTF-8", PROMOTION, of("bytes"), of("string"), K.TYPE, None),
    *(unrelated("int", to) for to in ("boolean", "string", "bytes", "null")),
    unrelated("boolean", "string"),
    unrelated("string", "double"),
)
OF_RECORDS = (
    ("a field with a default is added", CONFLUENT, record(A), record(A, field("int", default=0)), None, None),
    ("a field without a default is added", CONFLUENT, record(A), record(A, field("int")), K.NO_DEFAULT, None),
    ("a field with a default is removed", CONFLUENT, record(A, field("int", default=0)), record(A), None, None),
    ("a field without a default is removed", CONFLUENT, record(A, field("int")), record(A), None, K.NO_DEFAULT),
    ("fields change places", RECORDS, record(A, field("int")), record(field("int"), A), None, None),
    ("a default is added", DEFAULTS, of("int"), of("int", default=1), None, None),
    ("a default is removed", DEFAULTS, of("int", default=1), of("int"), None, None),
    ("a default is changed", DEFAULTS, of("int", default=1), of("int", default=2), None, None),
    ("documentation is changed", RECORDS, of("int", doc="one"), of("int", doc="two"), None, None),
    ("a field is renamed", RECORDS, of("int"), record(field("int", "g")), K.NO_DEFAULT, K.NO_DEFAULT),
    (
        "a field is renamed with an alias",
        ALIASES,
        of("int"),
        record(field("int", "g", aliases=["f"])),
        None,
        K.NO_DEFAULT,
    ),
    (
        "an alias that is another field's name",
        ALIASES,
        of("int"),
        record(field("int"), field("int", "g", aliases=["f"], default=1)),
        K.ALIAS,
        None,
    ),
    (
        "an alias for one of two fields of the writer",
        ALIASES,
        record(A, field("int")),
        record(field("int", "g", aliases=["a", "f"])),
        K.ALIAS,
        K.NO_DEFAULT,
    ),
    ("a nested field is added", RECORDS, of(record(name="In")), of(record(A, name="In")), K.NO_DEFAULT, None),
    (
        "a nested field of a list is added",
        RECORDS,
        of({"type": "array", "items": record(name="In")}),
        of({"type": "array", "items": record(A, name="In")}),
        K.NO_DEFAULT,
        None,
    ),
    ("a record with a default is added", DEFAULTS, record(), of(record(A, name="In"), default={"a": 1}), None, None),
    ("null is the default of an added field", DEFAULTS, record(), of(OPTIONAL, default=None), None, None),
    ("an optional field without a default", DEFAULTS, record(), of(OPTIONAL), K.NO_DEFAULT, None),
)
OF_NAMES = (
    ("a record is renamed", NAMES, record(A), record(A, name="Other"), K.NAME, K.NAME),
    ("a record is renamed with an alias", ALIASES, record(A), record(A, name="Other", aliases=["Event"]), None, K.NAME),
    ("only the namespace changes", RECORDS, record(A, namespace="x"), record(A, namespace="y"), None, None),
    (
        "an alias is completed by the namespace",
        ALIASES,
        record(A, namespace="x"),
        record(A, name="x.Other", aliases=["Event"]),
        None,
        K.NAME,
    ),
    ("an enum is renamed", ENUMS, of(enum("A")), of(enum("A", name="G")), K.NAME, K.NAME),
    ("an enum is renamed with an alias", ALIASES, of(enum("A")), of(enum("A", name="G", aliases=["E"])), None, K.NAME),
    ("a fixed is renamed", FIXED, of(fixed(4)), of(fixed(4, name="G")), K.NAME, K.NAME),
    ("a fixed is renamed with an alias", ALIASES, of(fixed(4)), of(fixed(4, name="G", aliases=["F"])), None, K.NAME),
    ("a recursive record gets a wider field", RECORDS, LISTED, WIDER, None, K.TYPE),
)
OF_ENUMS = (
    ("a symbol is added", ENUMS, of(enum("A")), of(enum("A", "B")), None, K.SYMBOLS),
    ("a symbol is removed", ENUMS, of(enum("A", "B")), of(enum("A")), K.SYMBOLS, None),
    (
        "a symbol is added where readers have a default",
        ENUMS,
        of(enum("A", default="A")),
        of(enum("A", "B", default="A")),
        None,
        None,
    ),
    ("a symbol is removed with a default", ENUMS, of(enum("A", "B")), of(enum("A", default="A")), None, None),
    ("symbols change places", ENUMS, of(enum("A", "B")), of(enum("B", "A")), None, None),
    (
        "a field's default is none of its enum's",
        ENUMS,
        of(enum("A", "B"), default="A"),
        of(enum("A"), default="A"),
        K.SYMBOLS,
        None,
    ),
    ("an enum becomes a string", ENUMS, of(enum("A")), of("string"), K.TYPE, K.TYPE),
    ("a fixed changes its size", FIXED, of(fixed(4)), of(fixed(5)), K.SIZE, K.SIZE),
    ("a fixed becomes bytes", FIXED, of(fixed(4)), of("bytes"), K.TYPE, K.TYPE),
)
OF_UNIONS = (
    ("a field becomes optional", UNIONS, of("string"), of(OPTIONAL), None, K.TYPE),
    ("a field becomes required", UNIONS, of(OPTIONAL), of("string"), K.TYPE, None),
    ("branches change places", UNIONS, of(OPTIONAL), of(["string", "null"]), None, None),
    ("a branch is added", UNIONS, of(["null", "int"]), of(["null", "int", "string"]), None, K.UNION),
    ("a branch is removed", UNIONS, of(["null", "int", "string"]), of(["null", "int"]), K.UNION, None),
    ("a branch is promoted", UNIONS, of(["null", "int"]), of(["null", "long"]), None, K.UNION),
    ("no union becomes a wider one", UNIONS, of("int"), of(["string", "long"]), None, K.TYPE),
    ("all branches promote to one type", UNIONS, of(["int", "long"]), of("double"), None, K.UNION),
    (
        "a record in a union gets a field",
        UNIONS,
        of(["null", record(name="In")]),
        of(["null", record(A, name="In")]),
        K.NO_DEFAULT,
        None,
    ),
    (
        "of two branches of one short name readers may pick either, and fastavro fails",
        UNIONS,
        of([record(name="x.In"), record(name="y.In")]),
        of([record(name="y.In"), record(name="x.In")]),
        K.NAME,
        K.NAME,
    ),
    (
        "items are promoted",
        RESOLUTION,
        of({"type": "array", "items": "int"}),
        of({"type": "array", "items": "long"}),
        None,
        K.TYPE,
    ),
    (
        "values are promoted",
        RESOLUTION,
        of({"type": "map", "values": "int"}),
        of({"type": "map", "values": "long"}),
        None,
        K.TYPE,
    ),
    (
        "an array becomes a map",
        RESOLUTION,
        of({"type": "array", "items": "int"}),
        of({"type": "map", "values": "int"}),
        K.TYPE,
        K.TYPE,
    ),
    ("an item becomes an array", RESOLUTION, of("int"), of({"type": "array", "items": "int"}), K.TYPE, K.TYPE),
)


AVRO: list[Case] = cases("avro", avro, (*PROMOTED, *OF_RECORDS, *OF_NAMES, *OF_ENUMS, *OF_UNIONS))
