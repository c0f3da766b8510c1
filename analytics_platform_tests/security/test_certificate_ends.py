from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.security.certificate_ends import TOLD_BEFORE, certificate_ends, ending
from analytics_platform.security.certificate_files import CertificateFolder, Holder
from analytics_platform.security.certificates import AUTHORITY_VALID, PART_VALID
from analytics_platform.settings import read_settings

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    folder = CertificateFolder(tmp_path)
    folder.provide([Holder("planner"), Holder("worker", valid=timedelta(days=3))], NOW)
    (tmp_path / "broken.pem").write_text("not a certificate")
    return read_settings(
        {"AP_KAFKA_CA_FILE": str(folder.trust), "AP_KAFKA_CERTIFICATE_FILE": str(tmp_path / "{part}.pem")}
    )


def test_each_file_is_known_by_name_and_what_is_none_is_left_out(settings):
    ends = certificate_ends(settings)
    assert ends["planner.pem"] == NOW + PART_VALID
    assert ends["ca.pem"] == NOW + AUTHORITY_VALID
    assert "broken.pem" not in ends


def test_only_what_ends_soon_is_told_of(settings):
    ends = certificate_ends(settings)
    assert set(ending(ends, NOW)) == {"worker.pem"}
    assert set(ending(ends, NOW + PART_VALID - TOLD_BEFORE + timedelta(seconds=1))) == {"planner.pem", "worker.pem"}


def test_without_certificates_there_is_nothing_to_end(tmp_path):
    named = {"AP_KAFKA_PROTOCOL": "PLAINTEXT", "AP_STATE_DIR": str(tmp_path)}  # this clone's may have an instance
    assert certificate_ends(read_settings(named)) == {}
