import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from analytics_platform.errors import LocalError
from analytics_platform.local.jars import Jar, install_jars, locked_jars

CONTENT = {"one": b"first jar" * 100, "two": b"second jar" * 100}


def jar(artifact: str) -> Jar:
    content = CONTENT[artifact]
    digest = hashlib.sha256(content).hexdigest()
    return Jar(group="org.example", artifact=artifact, version="1.0", sha256=digest, size_bytes=len(content))


JARS = [jar("one"), jar("two")]


@dataclass
class Repository:
    """Hands out what it holds, and remembers what was asked for."""

    content: dict[str, bytes] = field(default_factory=lambda: dict(CONTENT))
    asked: list[str] = field(default_factory=list)

    def fetch(self, jar: Jar, folder: Path) -> Path:
        self.asked.append(jar.artifact)
        folder.mkdir(parents=True)
        file = folder / jar.filename
        file.write_bytes(self.content[jar.artifact])
        return file


def install(libs: Path, repository: Repository) -> str:
    return install_jars(libs, lambda _: None, jars=JARS, fetch=repository.fetch)


def test_the_lock_names_a_broker_of_kafka_4_with_its_logging():
    jars = {jar.artifact: jar for jar in locked_jars()}
    assert jars["kafka_2.13"].version.startswith("4.")
    assert jars["kafka-clients"].version == jars["kafka_2.13"].version
    assert "log4j-slf4j-impl" in jars
    assert all(len(jar.sha256) == 64 and jar.size_bytes > 0 for jar in jars.values())


def test_the_class_path_names_every_jar_in_the_order_of_the_lock(tmp_path):
    assert install(tmp_path, Repository()) == f"{tmp_path}/one-1.0.jar:{tmp_path}/two-1.0.jar"


def test_nothing_is_fetched_twice(tmp_path):
    repository = Repository()
    install(tmp_path, repository)
    install(tmp_path, repository)
    assert sorted(repository.asked) == ["one", "two"]


def test_jars_that_were_copied_by_hand_are_checked_and_used(tmp_path):
    for artifact, content in CONTENT.items():
        (tmp_path / f"{artifact}-1.0.jar").write_bytes(content)
    repository = Repository()
    install(tmp_path, repository)
    assert repository.asked == []


@pytest.mark.parametrize("damage", [b"", b"first jar", b"Second jar" * 90])
def test_a_damaged_jar_is_noticed_and_fetched_again(tmp_path, damage):
    install(tmp_path, Repository())
    (tmp_path / "one-1.0.jar").write_bytes(damage)
    repository = Repository()
    install(tmp_path, repository)
    assert repository.asked == ["one"]
    assert (tmp_path / "one-1.0.jar").read_bytes() == CONTENT["one"]


def test_a_jar_with_other_bytes_than_the_lock_names_never_reaches_the_folder(tmp_path):
    with pytest.raises(LocalError, match=r"one-1\.0\.jar arrived with other bytes"):
        install(tmp_path, Repository(content={**CONTENT, "one": b"another jar"}))
    assert not (tmp_path / "one-1.0.jar").exists()


def test_without_a_network_the_error_says_what_to_do(tmp_path):
    def unplugged(jar: Jar, folder: Path) -> Path:
        raise ConnectionError("name resolution failed")

    with pytest.raises(LocalError, match=r"could not be fetched \(name resolution failed\); check the network"):
        install_jars(tmp_path, lambda _: None, jars=JARS, fetch=unplugged)


def test_a_failed_install_keeps_what_arrived_and_the_next_fetches_the_rest(tmp_path):
    with pytest.raises(LocalError):
        install(tmp_path, Repository(content={**CONTENT, "two": b""}))
    repository = Repository()
    install(tmp_path, repository)
    assert "two" in repository.asked
    assert list(tmp_path.glob(".incoming-*")) == []


def test_two_installs_at_once_fetch_each_jar_once(tmp_path):
    repository = Repository()
    with ThreadPoolExecutor() as pool:
        paths = set(pool.map(lambda _: install(tmp_path, repository), range(4)))
    assert sorted(repository.asked) == ["one", "two"]
    assert len(paths) == 1


def test_another_version_in_the_lock_is_fetched_beside_the_old_one(tmp_path):
    install(tmp_path, Repository())
    newer = [replace(JARS[0], version="1.1"), JARS[1]]
    repository = Repository()
    install_jars(tmp_path, lambda _: None, jars=newer, fetch=repository.fetch)
    assert repository.asked == ["one"]


def test_progress_is_reported(tmp_path):
    said: list[str] = []
    install_jars(tmp_path, said.append, jars=JARS, fetch=Repository().fetch)
    assert said[0] == "Kafka: fetching 2 jars, 0 MB"
    assert len(said) == 3
