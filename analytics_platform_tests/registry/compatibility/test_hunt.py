import pytest

from analytics_platform_tests.registry.compatibility.hunt import hunt


@pytest.mark.parametrize(("format_", "pairs"), [("avro", 120), ("json", 60)])
def test_no_reader_breaks_where_a_pair_is_called_compatible(format_, pairs):
    found = hunt(format_, seed=20, pairs=pairs)

    assert found.examples == []
    assert found.wrong == 0
    assert min(found.compatible, found.incompatible) > pairs / 10, "the hunt sees both kinds of pairs"
