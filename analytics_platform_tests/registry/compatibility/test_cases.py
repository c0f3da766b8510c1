import pytest

from analytics_platform.product import Compatibility
from analytics_platform_tests.registry.compatibility import cases_avro, cases_avro_logical, cases_json, cases_json_logic

AVRO = [*cases_avro.AVRO, *cases_avro_logical.AVRO]
JSON = [*cases_json.JSON, *cases_json_logic.JSON]
CASES = [*AVRO, *JSON]
CHAINS = [*cases_avro_logical.CHAINS, *cases_json_logic.CHAINS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_level_says_what_the_source_of_a_case_says(case):
    assert case.differs() == []


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.name)
def test_transitive_levels_look_at_every_version_and_the_others_at_the_last(chain):
    assert chain.differs() == []


def test_there_are_enough_cases_each_with_its_source_and_a_name_of_its_own():
    assert len(AVRO) >= 60
    assert len(JSON) >= 60
    assert len({case.name for case in [*CASES, *CHAINS]}) == len(CASES) + len(CHAINS)
    assert all(case.source for case in [*CASES, *CHAINS])
    assert len(Compatibility) == 7
