"""Keys last, are nobody's but their owner's, and once destroyed come back in no way."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from analytics_platform.errors import KeyStoreError
from analytics_platform.security.privacy.key_files import STORE, WRAPPING, KeyFiles

ANA, BEN, CEM = "a" * 20, "b" * 20, "c" * 20


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "keys"


def test_a_key_is_made_once_and_is_the_same_for_every_process(folder):
    made = KeyFiles(folder).of_subjects([ANA, BEN, ANA], create=True)
    assert KeyFiles(folder).of_subjects([BEN, ANA], create=False) == made
    assert len(set(made.values())) == 2
    assert KeyFiles(folder).environment() == KeyFiles(folder).environment()


def test_who_has_no_key_is_left_out_unless_one_is_asked_for(folder):
    keys = KeyFiles(folder)
    assert keys.of_subjects([ANA], create=False) == {}
    assert set(keys.of_subjects([ANA], create=True)) == {ANA}


def test_files_and_folder_are_their_owners_alone(folder):
    KeyFiles(folder).of_subjects([ANA], create=True)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_no_key_lies_in_a_file_as_it_is(folder):
    keys = KeyFiles(folder)
    secret = [keys.environment(), keys.of_day("persons", "20261126", create=True)]
    secret += keys.of_subjects([ANA, BEN], create=True).values()
    stored = (folder / STORE).read_bytes()
    assert not any(key in stored for key in secret)


def test_who_is_erased_gets_no_key_again(folder):
    keys = KeyFiles(folder)
    keys.of_subjects([ANA, BEN], create=True)
    ben = keys.of_subjects([BEN], create=False)
    assert keys.erase(ANA)
    assert not keys.erase(ANA)
    assert keys.of_subjects([ANA, BEN], create=True) == {ANA: None, **ben}
    assert keys.erased() == [ANA]


def test_who_never_had_a_key_can_be_erased_beforehand(folder):
    keys = KeyFiles(folder)
    assert not keys.erase(CEM)
    assert keys.of_subjects([CEM], create=True) == {CEM: None}


def test_a_new_wrapping_key_changes_no_key_and_destroys_the_old_one(folder):
    keys = KeyFiles(folder)
    before = keys.of_subjects([ANA, BEN], create=True), keys.environment(), keys.of_day("s", "20261126", create=True)
    keys.erase(CEM)
    old, stored = (folder / WRAPPING).read_text(), (folder / STORE).read_bytes()
    assert keys.rotate() == 2
    after = keys.of_subjects([ANA, BEN], create=False), keys.environment(), keys.of_day("s", "20261126", create=False)
    assert after == before
    assert keys.erased() == [CEM]
    assert old not in (folder / WRAPPING).read_text()
    assert (folder / STORE).read_bytes() != stored


def test_a_crash_between_the_steps_of_a_rotation_loses_no_key(folder):
    keys = KeyFiles(folder)
    before = keys.of_subjects([ANA], create=True)
    keys._keep({**keys._wrapping(), 2: b"n" * 32})  # the first step alone
    assert keys.of_subjects([ANA], create=False) == before
    assert keys.rotate() == 3
    assert keys.of_subjects([ANA], create=False) == before


def test_keys_of_days_that_are_over_are_destroyed_and_not_made_again(folder):
    keys = KeyFiles(folder)
    for day in ("20261101", "20261102"):
        keys.of_day("persons", day, create=True)
    assert keys.expire("persons", "20261102") == ["20261101"]
    assert keys.of_day("persons", "20261101", create=True) is None
    assert keys.of_day("persons", "20261102", create=False)


def test_another_wrapping_key_is_refused_before_any_key_is_handed_out(folder):
    keys = KeyFiles(folder)
    keys.environment()
    keys._keep({1: b"x" * 32})
    with pytest.raises(KeyStoreError, match=r"wrapping.json does not open keys.db"):
        keys.of_subjects([ANA], create=True)
    (folder / WRAPPING).unlink()
    with pytest.raises(KeyStoreError, match="is not there"):
        keys.environment()


def test_processes_that_ask_at_once_get_the_same_keys(folder):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: KeyFiles(folder).of_subjects([ANA, BEN, CEM], create=True), range(8)))
    assert all(keys == found[0] for keys in found)
