import json

import pytest
import yaml
from click.testing import CliRunner, Result

from analytics_platform.cli import commands
from analytics_platform.errors import DeclarationError, UnreachableError
from analytics_platform.security.parts import PartName
from analytics_platform.settings import KafkaProtocol
from analytics_platform_tests.secured import SecuredKafka


def ap(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(commands, ["access", *words], env=environment)


def test_rendering_writes_a_user_for_each_part_that_may_do_something(tmp_path):
    done = ap("render", "--strimzi", str(tmp_path), "--cluster", "ours", "--json")
    assert done.exit_code == 0
    assert {file.name for file in tmp_path.iterdir()} == {"topics.yaml", "users.yaml"}
    users = list(yaml.safe_load_all((tmp_path / "users.yaml").read_text()))
    assert {PartName.ADMIN, PartName.WATCHER, PartName.OPERATOR} <= {user["metadata"]["name"] for user in users}
    assert {user["metadata"]["labels"]["strimzi.io/cluster"] for user in users} == {"ours"}


def test_a_file_that_is_not_there_is_named_before_anybody_is_asked(tmp_path):
    done = ap("plan", "--file", str(tmp_path / "access.yaml"))
    assert isinstance(done.exception, DeclarationError)
    assert "access.yaml: is not there" in str(done.exception)


def test_a_cluster_that_does_not_answer_is_no_drift(tmp_path):
    (tmp_path / "access.yaml").write_text("")
    done = ap("verify", "--file", str(tmp_path / "access.yaml"), AP_KAFKA_BOOTSTRAP="127.0.0.1:1")
    assert isinstance(done.exception, UnreachableError)


@pytest.mark.parametrize(("verb", "key", "code"), [("plan", "differences", 0), ("verify", "drift", 1)])
def test_what_is_not_as_declared_is_named_with_what_to_do(secured: SecuredKafka, tmp_path, verb, key, code):
    file = tmp_path / "access.yaml"
    file.write_text("principals:\n  not-yet: {about: x, owner: team:x, shows: certificate, groups: [not-yet]}\n")
    shown = secured.shown(PartName.BROKER)
    environment = {
        "AP_KAFKA_BOOTSTRAP": shown.bootstrap,
        "AP_KAFKA_PROTOCOL": KafkaProtocol.SSL,
        "AP_KAFKA_CA_FILE": shown.ca_file,
        "AP_KAFKA_CERTIFICATE_FILE": shown.certificate_file,
    }
    done = ap(verb, "--file", str(file), "--json", **environment)
    assert done.exit_code == code
    found = {each["name"]: each for each in json.loads(done.stdout)[key]}
    ours = found["User:not-yet may Read Group not-yet"]
    assert (ours["state"], ours["remedy"]) == ("missing", "`ap access apply` mends it")
    assert ap(verb, "--file", str(file), **environment).stdout.count("User:not-yet may Read Group not-yet; ") == 1
