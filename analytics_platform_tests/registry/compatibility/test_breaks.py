import pytest

from analytics_platform.product import Compatibility
from analytics_platform.registry.compatibility import breaks
from analytics_platform_tests.registry.compatibility.schemas import avro, field, record

EVENT = avro(record(field("int")))


@pytest.mark.parametrize("level", Compatibility)
def test_nothing_breaks_where_nothing_was_or_nothing_changed(level):
    assert breaks(EVENT, [], level) == []
    assert breaks(EVENT, [EVENT, EVENT], level) == []


def test_a_change_that_no_rule_judges_is_a_break():
    [found] = breaks(avro(record(field("int"), field("int", name="g"))), [EVENT], Compatibility.BACKWARD)

    assert found.kind == "undecided"
