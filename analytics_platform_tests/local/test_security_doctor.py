"""What an instance shows to whom: each thing that is planted is found, and named without being said."""

from dataclasses import replace

import pytest

from analytics_platform.local.security_doctor import diagnose_security, open_to_all
from analytics_platform.security.first_admin import make_token_file
from analytics_platform.settings import read_settings

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 00000000:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2
   2: 00000000:0BBA 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 3
"""


@pytest.fixture
def settings(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "logs").mkdir()
    make_token_file(state / "admin-token")
    nowhere = "postgresql+psycopg2://d:k7Gt2mQ9xZ@127.0.0.1:1/d"  # not a secret
    return replace(read_settings({"AP_STATE_DIR": str(state)}), dagster_postgres_url=nowhere)


def found(settings, name):
    (one,) = (diagnosis for diagnosis in diagnose_security(settings) if diagnosis.name == name)
    return one


def test_an_instance_that_shows_nothing_is_well(settings):
    assert all(diagnosis.is_well for diagnosis in diagnose_security(settings))


def test_files_that_others_can_read_are_named(settings):
    settings.admin_token_file.chmod(0o644)
    assert not found(settings, "files").is_well and "admin-token" in found(settings, "files").what


@pytest.mark.parametrize("secret", ["token", "password"])
def test_a_secret_in_a_log_is_found_and_not_said(settings, secret):
    text = settings.admin_token_file.read_text().strip() if secret == "token" else "k7Gt2mQ9xZ"
    (settings.state_dir / "logs" / "daemon.log").write_text(f"connecting with {text} now\n")
    said = found(settings, "logs")
    assert not said.is_well and secret in said.what and "daemon.log" in said.what and text not in said.what


def test_ports_that_answer_from_everywhere_are_told_from_those_of_this_machine():
    assert list(open_to_all(TCP)) == [3001]
