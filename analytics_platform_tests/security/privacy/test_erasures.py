"""An erasure is a fact that keys follow, whatever copy of them is restored; no fact ever changes."""

import shutil

import psycopg
import pytest

from analytics_platform.security.privacy.erasures import Erasure, apply_erasures, erase
from analytics_platform.security.privacy.key_files import KeyFiles

ANA, BEN = "a" * 20, "b" * 20
REQUEST = Erasure(subject=ANA, kind="person", erased_by="ada", reason="request 4711")


@pytest.fixture
def facts(ledger):
    return ledger


def test_restored_keys_of_who_was_erased_are_destroyed_again(facts, tmp_path):
    keys = KeyFiles(tmp_path / "keys")
    ben = keys.of_subjects([ANA, BEN], create=True)[BEN]
    shutil.copytree(tmp_path / "keys", tmp_path / "copy")
    assert erase(facts, keys, REQUEST)
    assert apply_erasures(facts, keys) == []
    restored = KeyFiles(tmp_path / "copy")
    assert apply_erasures(facts, restored) == [ANA]
    assert restored.of_subjects([ANA, BEN], create=True) == {ANA: None, BEN: ben}


def test_an_erasure_that_was_interrupted_is_applied_later(facts, tmp_path):
    class BrokenKeys(KeyFiles):
        def erase(self, subject):
            raise OSError("disk full")

    KeyFiles(tmp_path / "keys").of_subjects([ANA], create=True)
    with pytest.raises(OSError, match="disk full"):
        erase(facts, BrokenKeys(tmp_path / "keys"), REQUEST)
    assert apply_erasures(facts, KeyFiles(tmp_path / "keys")) == [ANA]


def test_an_erasure_is_never_taken_back(facts, tmp_path):
    erase(facts, KeyFiles(tmp_path / "keys"), REQUEST)
    for change in ("delete from erasure", "update erasure set reason = ''"):
        with pytest.raises(psycopg.Error, match="erasure"):
            facts.execute(change)


def test_nobody_is_erased_twice_and_keys_are_not_asked_for_nothing(facts, tmp_path):
    assert apply_erasures(facts, KeyFiles(tmp_path / "keys")) == []
    assert not (tmp_path / "keys").exists()
