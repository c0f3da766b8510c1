from analytics_platform.registry.diff import changes
from analytics_platform_tests.registry.compatibility.schemas import avro, field, record


def test_each_difference_is_said_once_in_words():
    old = avro(record(field("int", "a", doc="One."), field("int", "b"), field("string", "c")))
    new = avro(record(field("long", "a", doc="Two."), field("string", "c", default="x"), field("int", "d")))

    assert [str(change) for change in changes(old, new)] == [
        "- b: int, required",
        "+ d: int, required",
        "~ a: type int → long",
        "~ a: doc One. → Two.",
        "~ c: default none → 'x'",
    ]


def test_versions_that_say_the_same_differ_in_nothing():
    assert changes(avro(record(field("int"))), avro(record(field({"type": "int"})))) == []
