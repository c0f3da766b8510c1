"""Changes of Avro schemas, continued: logical types, and versions in a row."""

from analytics_platform.registry.compatibility import BreakKind as K
from analytics_platform_tests.registry.compatibility.cases import Case, Chain, cases
from analytics_platform_tests.registry.compatibility.cases_avro import CONFLUENT, DECIMAL, LOGICAL, A, fixed, of
from analytics_platform_tests.registry.compatibility.schemas import avro, field, record

MILLIS, MICROS = ({"type": "long", "logicalType": f"timestamp-{unit}"} for unit in ("millis", "micros"))
LOCAL_MILLIS = {"type": "long", "logicalType": "local-timestamp-millis"}
TIME_MILLIS = {"type": "int", "logicalType": "time-millis"}
TIME_MICROS = {"type": "long", "logicalType": "time-micros"}
DATE = {"type": "int", "logicalType": "date"}
UUID = {"type": "string", "logicalType": "uuid"}


def decimal(precision, scale, **more):
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale, **more}


def logical(name, old, new, kind=K.LOGICAL_TYPE):
    return (name, LOGICAL if kind is K.LOGICAL_TYPE else DECIMAL, of(old), of(new), kind, kind)


OF_LOGICAL_TYPES = (
    logical("milliseconds become microseconds", MILLIS, MICROS),
    logical("an instant becomes a local time", MILLIS, LOCAL_MILLIS),
    logical("a number becomes an instant", "long", MILLIS),
    logical("an instant becomes a number", MILLIS, "long"),
    logical("a date becomes a number", DATE, "int"),
    logical("a text becomes a UUID", "string", UUID),
    logical("an instant in a union changes its unit", ["null", MILLIS], ["null", MICROS]),
    logical(
        "instants in a list change their unit", {"type": "array", "items": MILLIS}, {"type": "array", "items": MICROS}
    ),
    logical("a logical type that is unknown here", "int", {"type": "int", "logicalType": "cents"}),
    (
        "a time of day in milliseconds becomes one in microseconds",
        LOGICAL,
        of(TIME_MILLIS),
        of(TIME_MICROS),
        K.LOGICAL_TYPE,
        K.TYPE,
    ),
    ("a date becomes an instant", LOGICAL, of(DATE), of(MILLIS), K.LOGICAL_TYPE, K.TYPE),
    (
        "a logical type where it means nothing",
        LOGICAL,
        of("string"),
        of({"type": "string", "logicalType": "date"}),
        None,
        None,
    ),
    (
        "an instant stays one",
        LOGICAL,
        record(field(MILLIS)),
        record(field(MILLIS), field("int", "g", default=1)),
        None,
        None,
    ),
    logical("a decimal gets another scale", decimal(9, 2), decimal(9, 3), K.DECIMAL),
    logical("a decimal gets a larger precision", decimal(9, 2), decimal(12, 2), K.DECIMAL),
    logical("a decimal gets a smaller precision", decimal(9, 2), decimal(6, 2), K.DECIMAL),
    logical(
        "a decimal of a fixed gets another scale",
        fixed(4, **{**decimal(9, 2), "type": "fixed"}),
        fixed(4, **{**decimal(9, 3), "type": "fixed"}),
        K.DECIMAL,
    ),
    ("a decimal becomes bytes", LOGICAL, of(decimal(9, 2)), of("bytes"), K.LOGICAL_TYPE, K.LOGICAL_TYPE),
    (
        "the scale 0 that goes without saying is said",
        DECIMAL,
        of({k: v for k, v in decimal(9, 0).items() if k != "scale"}),
        of(decimal(9, 0)),
        None,
        None,
    ),
)
AVRO: list[Case] = cases("avro", avro, OF_LOGICAL_TYPES)


def chain(name, versions, against):
    return Chain(
        name=f"avro: {name}",
        source=f"{CONFLUENT}, transitive compatibility",
        versions=tuple(map(avro, versions)),
        against=against,
    )


F_DEFAULT, F_BARE = field("int", default=0), field("int")
ONLY_TRANSITIVE = {"BACKWARD_TRANSITIVE": {0}, "FULL_TRANSITIVE": {0}}
CHAINS = [
    chain(
        "the default of an added field goes in a further step",
        (record(A), record(A, F_DEFAULT), record(A, F_BARE)),
        ONLY_TRANSITIVE,
    ),
    chain(
        "a field without a default goes by way of one",
        (record(A, F_BARE), record(A, F_DEFAULT), record(A)),
        {"FORWARD_TRANSITIVE": {0}, "FULL_TRANSITIVE": {0}},
    ),
    chain(
        "optional fields come one by one",
        (record(A), record(A, F_DEFAULT), record(A, F_DEFAULT, field("int", "g", default=1))),
        {},
    ),
    chain(
        "a type comes back that was promoted",
        (of("int"), of("long"), of("int")),
        {"BACKWARD": {1}, "BACKWARD_TRANSITIVE": {1}, "FULL": {1}, "FULL_TRANSITIVE": {1}},
    ),
    chain(
        "a name is used again for another type",
        (record(A, field("string", default="")), record(A), record(A, field("int", default=1))),
        {"BACKWARD_TRANSITIVE": {0}, "FORWARD_TRANSITIVE": {0}, "FULL_TRANSITIVE": {0}},
    ),
]
