import stat

import pytest

from analytics_platform.errors import SettingError
from analytics_platform.security.password_files import passwords_in


def test_a_password_is_made_once_and_is_its_owners_alone(tmp_path):
    folder = tmp_path / "passwords"
    first = passwords_in(folder)("ana")
    assert passwords_in(folder)("ana") == first
    assert passwords_in(folder)("ben") != first
    assert len(first) >= 40
    assert stat.S_IMODE((folder / "ana").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {file.name for file in folder.iterdir()} == {"ana", "ben"}


def test_a_password_that_somebody_put_there_is_taken(tmp_path):
    (tmp_path / "ana").write_text("chosen\n")
    assert passwords_in(tmp_path)("ana") == "chosen"


def test_a_folder_that_cannot_be_is_named_and_no_password_told(tmp_path):
    (tmp_path / "file").write_text("secret")
    with pytest.raises(SettingError, match="name a folder") as caught:
        passwords_in(tmp_path / "file")("ana")
    assert "secret" not in str(caught.value)
