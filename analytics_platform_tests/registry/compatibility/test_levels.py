import pytest

from analytics_platform.errors import InvalidSchemaError
from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import BreakKind, Victim, breaks
from analytics_platform_tests.registry.compatibility.schemas import avro, field, record

WITHOUT = avro(record())
WITH = avro(record(field("int")))
HURT = {
    Compatibility.NONE: set(),
    Compatibility.BACKWARD: {(Victim.READERS_OF_OLD_DATA, 1)},
    Compatibility.BACKWARD_TRANSITIVE: {(Victim.READERS_OF_OLD_DATA, 0), (Victim.READERS_OF_OLD_DATA, 1)},
    Compatibility.FORWARD: set(),
    Compatibility.FORWARD_TRANSITIVE: set(),
    Compatibility.FULL: {(Victim.READERS_OF_OLD_DATA, 1)},
    Compatibility.FULL_TRANSITIVE: {(Victim.READERS_OF_OLD_DATA, 0), (Victim.READERS_OF_OLD_DATA, 1)},
}


@pytest.mark.parametrize("level", Compatibility)
def test_a_level_says_which_readers_count_and_against_which_versions(level):
    found = {(each.hurts, each.against) for each in breaks(WITH, [WITHOUT, WITHOUT], level)}
    turned = {(each.hurts, each.against) for each in breaks(WITHOUT, [WITH, WITH], level)}

    assert found == HURT[level]
    names = str(level).replace("FORWARD", "X").replace("BACKWARD", "FORWARD").replace("X", "BACKWARD")
    assert turned == {(Victim.OLD_READERS, place) for _, place in HURT[Compatibility(names)]}


@pytest.mark.parametrize("level", Compatibility)
def test_nothing_breaks_where_nothing_was_or_nothing_changed(level):
    assert breaks(WITH, [], level) == []
    assert breaks(WITH, [WITH, WITH], level) == []


def test_an_old_version_that_is_no_schema_is_a_break_and_a_new_one_is_refused():
    broken = avro(record(field("money")))

    [found] = breaks(WITH, [broken], Compatibility.BACKWARD)

    assert (found.kind, found.path) == (BreakKind.UNDECIDED, "/fields/0/type")
    with pytest.raises(InvalidSchemaError):
        breaks(broken, [WITH], Compatibility.BACKWARD)
