"""What each way of not trusting each other is called, on a real broker that asks everybody who they are."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics_platform.errors import AclMissingError, DistrustError, UnreachableError
from analytics_platform.ingest.kafka.admin import ensure_topics
from analytics_platform.ingest.kafka.client import Client
from analytics_platform.ingest.kafka.distrust import distrust
from analytics_platform.security.certificate_files import CertificateFolder, Holder
from analytics_platform.security.certificates import Credential, issue, new_authority

NOW = datetime.now(UTC)


def refusal(cluster):
    client = Client(cluster)
    try:
        with pytest.raises(DistrustError) as raised:
            client.brokers()
    finally:
        client.close()
    return str(raised.value)


def test_a_certificate_of_its_authority_is_taken_and_still_allows_nothing(secured):
    client = Client(secured.shown("planner"))
    try:
        assert client.brokers() == [1]
    finally:
        client.close()
    with pytest.raises(AclMissingError, match="User:planner"):
        ensure_topics(secured.shown("planner"), {"bids": 1})


def test_no_certificate(secured):
    assert "asks for a certificate, and we show none" in refusal(replace(secured.shown("planner"), certificate_file=""))


def test_a_certificate_of_another_authority(secured, tmp_path):
    other = CertificateFolder(tmp_path)
    other.provide([Holder("planner")], NOW)
    said = refusal(replace(secured.shown("planner"), certificate_file=str(other.of("planner"))))
    assert f"refuses our certificate {other.of('planner')}" in said


def test_an_expired_certificate(secured, tmp_path):
    authority = secured.certificates.of("authority").read_bytes()
    expired = issue(credential(authority), "planner", NOW - timedelta(days=2), valid=timedelta(days=1))
    (tmp_path / "old.pem").write_bytes(expired.pem)
    assert "is expired" in refusal(replace(secured.shown("planner"), certificate_file=str(tmp_path / "old.pem")))


def test_a_broker_of_another_authority(secured, tmp_path):
    (tmp_path / "ca.pem").write_bytes(new_authority("other", NOW).certificate)
    said = refusal(replace(secured.shown("planner"), ca_file=str(tmp_path / "ca.pem")))
    assert "not of an authority that we trust" in said and "AP_KAFKA_CA_FILE" in said


def test_a_wrong_password_is_named_and_not_shown(secured, tmp_path):
    (tmp_path / "password").write_text("hush-hush")
    said = refusal(secured.known("ana", tmp_path / "password"))
    assert "no user ana with the password in" in said
    assert "hush" not in said


def test_no_tls_where_tls_is_spoken(secured):
    assert "it speaks TLS there, we do not" in refusal(f"127.0.0.1:{secured.port}")
    assert "it speaks TLS there, we do not" in refusal(f"127.0.0.1:{secured.people_port}")


def test_tls_where_none_is_spoken(secured, kafka):
    assert "it speaks no TLS there" in refusal(replace(secured.shown("planner"), bootstrap=kafka.bootstrap))


def test_a_file_that_is_not_there(secured):
    assert "/nowhere.pem" in refusal(replace(secured.shown("planner"), certificate_file="/nowhere.pem"))


def test_a_broker_that_is_not_there_is_only_unreachable(secured):
    client = Client(replace(secured.shown("planner"), bootstrap="127.0.0.1:1"))
    with pytest.raises(UnreachableError):
        client.brokers()
    client.close()


def test_a_name_that_is_not_in_the_brokers_certificate(secured):
    """127.0.0.2 is the same machine, where the same broker could listen; its certificate does not say so."""
    with socket.create_server(("127.0.0.2", 0)) as listening:
        listening.settimeout(5)
        found = looked_at(secured, listening)
    assert found is not None and "not for 127.0.0.2" in str(found)


def looked_at(secured, listening):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(secured.certificates.of("broker"))

    def serve():
        for _ in range(2):
            accepted, _ = listening.accept()
            try:
                server.wrap_socket(accepted, server_side=True).close()
            except OSError:
                accepted.close()

    host, port = listening.getsockname()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(serve)
        return distrust(replace(secured.shown("planner"), bootstrap=f"{host}:{port}"))


def credential(pem):
    key, end, certificate = pem.partition(b"-----END PRIVATE KEY-----\n")
    return Credential(key=key + end, certificate=certificate)
