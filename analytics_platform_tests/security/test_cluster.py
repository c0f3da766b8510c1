import pytest

from analytics_platform.errors import SettingError
from analytics_platform.security.cluster import (
    Cluster,
    as_properties,
    cluster_of,
    for_java,
    for_kafka_python,
    for_librdkafka,
)
from analytics_platform.settings import KafkaProtocol, as_environment, read_settings

CERTIFICATES = {"AP_KAFKA_PROTOCOL": "ssl", "AP_KAFKA_CA_FILE": "/ca.pem", "AP_KAFKA_CERTIFICATE_FILE": "/{part}.pem"}


def settings_of(tmp_path, **named):
    return read_settings({"AP_STATE_DIR": str(tmp_path), "AP_KAFKA_BOOTSTRAP": "k:1", **named})


@pytest.fixture
def by_password(tmp_path):
    (tmp_path / "password").write_text('a"b\\c\n')
    named = {"AP_KAFKA_PROTOCOL": "SASL_SSL", "AP_KAFKA_USER": "ana", "AP_KAFKA_PASSWORD_FILE": f"{tmp_path}/password"}
    return cluster_of(settings_of(tmp_path, **named), "planner")


def test_a_bare_address_is_a_cluster_that_asks_nobody():
    assert Cluster.of("k:1") == Cluster(bootstrap="k:1")
    assert for_kafka_python(Cluster.of("k:1")) == {}
    assert for_librdkafka(Cluster.of("k:1")) == for_java(Cluster.of("k:1")) == {"bootstrap.servers": "k:1"}


def test_each_part_shows_a_certificate_of_its_own(tmp_path):
    settings = settings_of(tmp_path, **CERTIFICATES)
    assert [cluster_of(settings, part).certificate_file for part in ("planner", "worker")] == [
        "/planner.pem",
        "/worker.pem",
    ]


def test_all_clients_are_told_the_same(tmp_path):
    cluster = cluster_of(settings_of(tmp_path, **CERTIFICATES), "planner")
    assert for_kafka_python(cluster) == {
        "security_protocol": "SSL",
        "ssl_cafile": "/ca.pem",
        "ssl_certfile": "/planner.pem",
        "ssl_keyfile": None,
    }
    assert for_librdkafka(cluster)["ssl.key.location"] == for_java(cluster)["ssl.keystore.location"] == "/planner.pem"


def test_a_password_is_read_from_its_file_and_quoted_where_it_must_be(by_password):
    assert for_kafka_python(by_password)["sasl_plain_password"] == 'a"b\\c'
    assert for_librdkafka(by_password)["sasl.password"] == 'a"b\\c'
    assert for_java(by_password)["sasl.jaas.config"].endswith(r'username="ana" password="a\"b\\c";')
    assert r'password="a\\"b\\\\c";' in as_properties(for_java(by_password))


def test_a_password_is_in_no_setting_and_no_text_of_the_cluster(by_password, tmp_path):
    (tmp_path / "password").write_text("hush")
    named = {"AP_KAFKA_PROTOCOL": "SASL_SSL", "AP_KAFKA_USER": "ana", "AP_KAFKA_PASSWORD_FILE": f"{tmp_path}/password"}
    settings = settings_of(tmp_path, **named)
    assert "hush" not in repr(cluster_of(settings, "planner")) + repr(settings) + repr(as_environment(settings))


def test_a_missing_password_file_is_named(tmp_path, by_password):
    (tmp_path / "password").unlink()
    with pytest.raises(SettingError, match=f"{tmp_path}/password: No such file"):
        by_password.password()


def test_a_user_without_a_password_is_refused_at_once(tmp_path):
    with pytest.raises(SettingError, match="AP_KAFKA_PASSWORD_FILE"):
        cluster_of(settings_of(tmp_path, AP_KAFKA_PROTOCOL="SASL_SSL", AP_KAFKA_USER="ana"), "planner")


def test_a_protocol_that_sends_passwords_in_the_clear_does_not_exist(tmp_path):
    with pytest.raises(SettingError, match="kafka_protocol"):
        settings_of(tmp_path, AP_KAFKA_PROTOCOL="SASL_PLAINTEXT")
    assert settings_of(tmp_path, AP_KAFKA_PROTOCOL="plaintext").kafka_protocol is KafkaProtocol.PLAINTEXT
