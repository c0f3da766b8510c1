"""A few of the inputs of proof access-4, and what is planted among them, to see that the fuzzing itself works."""

import random

import pytest
import yaml

from analytics_platform_tests.fuzz import bodies, record_batches, requests, yaml_files
from analytics_platform_tests.fuzz.child import Slice
from analytics_platform_tests.fuzz.mutate import mutated
from analytics_platform_tests.fuzz.target import WrongAnswerError, chance_of
from analytics_platform_tests.fuzz.watch import run

SEED = 4


@pytest.mark.parametrize(
    ("make", "calls", "kinds"),
    [
        (record_batches.target, 300, 2),
        (bodies.avro_target, 4, 1),
        (bodies.json_target, 8, 2),
        (yaml_files.target, 300, 2),
    ],
)
def test_nothing_unforeseen_comes_of_hostile_inputs(make, calls, kinds):
    target = make(SEED)
    assert len({target.feed(chance_of(SEED, target.name, call)) for call in range(calls)}) >= kinds


def test_every_request_is_answered(tmp_path):
    with requests.opened(tmp_path) as target:
        came = {target.feed(chance_of(SEED, target.name, call)) for call in range(150)}
    assert came == {"2xx", "4xx"}


def test_a_500_is_a_fault(tmp_path):
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"Traceback"})

    with requests.opened(tmp_path, broken) as target, pytest.raises(WrongAnswerError, match=r"^500 for .*Traceback"):
        target.feed(chance_of(SEED, target.name, 0))


def test_a_loader_that_knows_only_yaml_errors_is_found_out():
    chance = random.Random(SEED)
    with pytest.raises((ValueError, AttributeError, TypeError, RecursionError)):
        for text in (chance.choice(yaml_files.ODD_TEXTS) for _ in range(300)):
            try:
                yaml.safe_load(text)
            except yaml.YAMLError:
                continue


def test_an_input_is_made_again_by_seed_target_and_call():
    made = [mutated(chance_of(SEED, "t", 7), b"some bytes") for _ in range(2)]
    assert made[0] == made[1] != mutated(chance_of(SEED, "t", 8), b"some bytes")


@pytest.mark.parametrize(("kind", "says"), [("exception", "IndexError: planted"), ("crash", "ended with -11")])
def test_a_planted_fault_is_found_at_its_call_and_the_rest_goes_on(kind, says):
    given = Slice(target="record batches", seed=SEED, first=0, end=9, place="", planted=kind, planted_at=5)
    found = run(given)
    assert [(fault.call, says in fault.problem) for fault in found.faults] == [(5, True)]
    assert sum(found.came.values()) == (8 if kind == "exception" else 3)  # what a crashed process had done is not told
