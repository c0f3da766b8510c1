import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.product import Compatibility
from analytics_platform.registry.lock import VersionState
from analytics_platform.registry.snapshot import Mode, Reference, Setting
from analytics_platform.registry.subject_file import (
    UNDECIDED,
    VersionNote,
    global_setting,
    parse_subject,
    with_global_setting,
    with_setting,
    with_version,
)
from analytics_platform.registry.subjects import Kind

OURS = """\
# who to ask: the auction team
owner: team:auctions
compatibility: FULL # decided in May
versions:
  1: {state: published}
"""
PUBLISHED = VersionNote(state=VersionState.PUBLISHED)


def test_an_edit_keeps_what_people_wrote():
    found = with_version(OURS, Kind.VALUE, 2, PUBLISHED)

    assert found == OURS + "  2: {state: published}\n"
    assert with_version(found, Kind.VALUE, 2, PUBLISHED) == found


def test_what_is_written_is_read_again():
    note = VersionNote(state=VersionState.DELETED, references=(Reference("M", "m-value", 3),))
    text = with_version(with_version(None, Kind.KEY, 1, PUBLISHED), Kind.KEY, 2, note)
    text = with_setting(text, Kind.KEY, Setting(compatibility=Compatibility.NONE, mode=Mode.READONLY))

    found = parse_subject(text, "f", Kind.KEY)

    assert (found.owner, found.versions) == (UNDECIDED, {1: PUBLISHED, 2: note})
    assert found.setting == Setting(compatibility=Compatibility.NONE, mode=Mode.READONLY)
    assert parse_subject(text, "f", Kind.VALUE).versions == {}


def test_a_setting_that_is_taken_back_leaves_no_trace():
    assert parse_subject(with_setting(OURS, Kind.VALUE, Setting()), "f").setting == Setting()
    text = with_global_setting(None, Setting(mode=Mode.READONLY))
    assert global_setting(text, "f") == Setting(mode=Mode.READONLY)
    assert global_setting(with_global_setting(text, Setting()), "f") == global_setting(None, "f") == Setting()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("compatibility: SOME\nversions: {}", "compatibility is 'SOME'"),
        ("mode: OPEN\nversions: {}", "mode is 'OPEN'"),
        ("key: 7", "key is no mapping"),
        ("versions:\n  1: {state: published, references: [{name: x}]}", "references"),
        ("versions:\n  1: {state: gone}", "state 'gone'"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, said):
    with pytest.raises(DeclarationError, match=said):
        for kind in Kind:
            parse_subject(text, "f", kind)
