import pytest

from analytics_platform.catalog import catalog_of
from analytics_platform.product import Stream
from analytics_platform.security.acl import Grant, Kind, Operation, Resource, topic_named
from analytics_platform.security.parts import PartName, parts_of


def declared(*topics: str, dead_letters: str | None = None):
    return catalog_of(
        [
            Stream(name=name, topic=name, pipeline="p", description="", owner="team:x", dead_letters=dead_letters)
            for name in topics
        ]
    )


def grants_of(name: PartName, *topics: str, dead_letters: str | None = None) -> frozenset[Grant]:
    return {part.name: part.grants for part in parts_of(declared(*topics, dead_letters=dead_letters))}[name]


@pytest.mark.parametrize("name", [PartName.PLANNER, PartName.WORKER])
def test_who_reads_may_read_the_declared_topics_and_nothing_else(name):
    assert grants_of(name, "a", "b") == {
        Grant(Operation.READ, topic_named("a")),
        Grant(Operation.READ, topic_named("b")),
    }


def test_only_the_sender_of_dead_letters_may_write_and_only_to_their_topics():
    writers = {
        (part.name, grant.resource)
        for part in parts_of(declared("a", dead_letters="a.dead"))
        for grant in part.grants
        if grant.operation is Operation.WRITE
    }
    assert writers == {(PartName.DEAD_LETTERS, topic_named("a.dead"))}


def test_without_dead_letters_their_sender_may_do_nothing():
    assert grants_of(PartName.DEAD_LETTERS, "a") == frozenset()


def test_the_watcher_sees_groups_and_topics_but_no_record():
    assert grants_of(PartName.WATCHER, "a") == {
        Grant(Operation.DESCRIBE, topic_named("a")),
        Grant(Operation.DESCRIBE, Resource(Kind.GROUP, "*")),
    }


def test_who_makes_acls_can_read_no_record():
    assert not {grant for grant in grants_of(PartName.ADMIN, "a") if grant.operation is Operation.READ}


def test_a_broker_is_no_part_that_is_given_anything():
    assert PartName.BROKER not in {part.name for part in parts_of(declared("a"))}
