from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.facts import SchemaFormat
from analytics_platform.registry.subjects import FILES, Kind, home_of, unfit

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(lambda name: unfit(name) is None)


@given(NAMES)
def test_each_subject_has_a_folder_of_its_own_and_comes_back_from_it(subject):
    home = home_of(subject)

    assert home.subject == subject
    assert home.folder not in ("", ".", "..", *FILES) and not home.folder.startswith(".")
    assert home.folder.isascii() and "/" not in home.folder


def test_values_and_keys_of_a_stream_share_a_folder():
    assert home_of("bids-value").path(2, SchemaFormat.AVRO) == "bids/value/2.avsc"
    assert home_of("bids-key").path(1, SchemaFormat.JSON) == "bids/key/1.json"
    assert (home_of("Money").kind, home_of("-value").kind) == (Kind.SCHEMA, Kind.SCHEMA)


def test_names_that_no_file_system_or_client_can_hold_are_said_to_be_unfit():
    assert [unfit(name) is None for name in ("", ".", "..", "a\0b", "a\nb", ":.other:s", "x" * 300, "é" * 60)] == [
        False
    ] * 8
    assert unfit("a/b c") is None
