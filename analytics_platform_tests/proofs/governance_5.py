"""From one person to a board on a running demo, by editing one file: the same change now needs its quorum.

A stock client registers, people vote by `ap schema`, nothing is started anew. Then a vote too few, a vote twice, and an
edit after the votes, each of which must leave things as they are; and back to one person, by the same file.
"""

import json
from dataclasses import replace
from typing import Any

import yaml
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from analytics_platform_tests.proofs.cloned_instance import cloned_instance
from analytics_platform_tests.proofs.instances import DrivenInstance
from analytics_platform_tests.proofs.report import Report

BASE_PORT, RATE = 4900, "200"
SUBJECT = "bids-value"
NAMES = ("ana", "ben", "cem")
ASKED = ["documentation", "compatible", "breaking", "personal-data"]
BOARD = yaml.safe_dump(
    {
        "people": {n: {"known_by": "token"} for n in NAMES},
        "groups": {"board": list(NAMES)},
        "rules": [
            {"subjects": "*", "changes": ["lake-breaking"], "approve": "refused"},
            {"subjects": "*", "changes": ASKED, "approve": [{"role": "board", "quorum": 2}]},
        ],
    }
)


def prove(report: Report) -> None:
    """A fresh clone, the demo, a client and three people."""
    with cloned_instance(report, BASE_PORT) as instance:
        report.step(f"ap up, {RATE} events a second")
        instance.up("--rate", RATE, "--no-webserver")
        _vote(report, instance)


def _vote(report: Report, instance: DrivenInstance) -> None:
    client = SchemaRegistryClient({"url": instance.registry_url()})
    policy, pids = instance.clone / "schemas" / "governance.yaml", instance.pids()
    light = policy.read_text()
    fields = json.loads(str(client.get_latest_version(SUBJECT).schema.schema_str))
    report.step("one person: a stock client registers a new field")
    report.claim("with the light policy it is published at once", holds=_register(client, fields, "first") == 2)
    report.step("a board: one file is edited")
    policy.write_text(BOARD)
    refused = _register(client, fields, "second")
    report.figure("what the client is told", refused)
    report.claim("the same kind of change is refused by the name of its proposal", holds=_waits(refused, 3, 2))
    report.claim("it is not published", holds=client.get_versions(SUBJECT) == [1, 2])
    _quorum(report, instance, client, fields)
    _edit(report, instance, client, fields)
    steps = [fact["step"] for fact in instance.told("schema", "history", SUBJECT, "3")]
    report.figure("the history of version 3", steps)
    report.claim("every step is a fact", holds=steps == ["proposed", "reviewed", *["approved"] * 3, "permitted"])
    policy.write_text(light)
    report.claim("the old file brings the old rules back", holds=isinstance(_register(client, fields, "fifth"), int))
    report.claim("nothing was started anew", holds=instance.pids() == pids)


def _quorum(report: Report, instance: DrivenInstance, client: SchemaRegistryClient, fields: Any) -> None:
    """Votes until there are enough of them, and some that do not count."""
    early = voting_as(instance, "ana").ap("schema", "approve", SUBJECT, "3")
    report.claim("nobody can vote before its evidence is there", holds=bool(early.returncode))
    reviewed = instance.told("schema", "review", SUBJECT, "3")
    report.figure("its evidence", {name: reviewed["evidence"].get(name) for name in ("differences", "backtest")})
    voting_as(instance, "ana").told("schema", "approve", SUBJECT, "3")
    report.claim("one vote is not enough", holds=_waits(_register(client, fields, "second"), 3, 1))
    voting_as(instance, "ana").told("schema", "approve", SUBJECT, "3")
    report.claim("nor is the same one twice", holds=_waits(_register(client, fields, "second"), 3, 1))
    stranger = replace(instance, settings={"AP_TOKEN": "guessed"}).ap("schema", "approve", SUBJECT, "3")
    report.claim("a token that is nobody's does not vote", holds=bool(stranger.returncode))
    voting_as(instance, "ben").told("schema", "approve", SUBJECT, "3")
    report.claim("with its quorum the same request is published", holds=_register(client, fields, "second") == 3)


def _edit(report: Report, instance: DrivenInstance, client: SchemaRegistryClient, fields: Any) -> None:
    """Votes on a draft that is edited afterwards are for something that is no longer there."""
    _register(client, fields, "fourth")
    instance.told("schema", "review", SUBJECT, "4")
    for name in ("ben", "cem"):
        voting_as(instance, name).told("schema", "approve", SUBJECT, "4")
    draft = instance.clone / "schemas" / "bids" / "value" / "4.avsc"
    draft.write_text(draft.read_text().replace("fourth", "forth"))
    done = instance.ap("schema", "publish", SUBJECT, "4")
    report.claim("an edit voids the votes", holds=bool(done.returncode) and "2 of board" in done.stderr)


def _register(client: SchemaRegistryClient, fields: Any, name: str) -> int | str:
    """The version, or what the client is told; the field is kept for the next one once it is published."""
    new = {"name": name, "type": "string", "default": "", "doc": "A field.", "pii": "none"}
    text = json.dumps({**fields, "fields": [*fields["fields"], new]})
    try:
        version = client.register_schema_full_response(SUBJECT, Schema(text, "AVRO")).version
    except SchemaRegistryError as error:
        return f"{error.http_status_code} {error.error_code} {error.error_message}"
    fields["fields"].append(new)
    return int(version or 0)


def _waits(answer: int | str, version: int, votes: int) -> bool:
    wanted = (f"version {version} waits for approval by {votes} of board", f"schemas/bids/proposals/value-{version}")
    return isinstance(answer, str) and answer.startswith("422 42205") and all(each in answer for each in wanted)


def voting_as(instance: DrivenInstance, name: str) -> DrivenInstance:
    """The instance, asked by that person, whose token is new each time."""
    token = instance.told("token", "issue", name)["token"]
    return replace(instance, settings={**instance.settings, "AP_TOKEN": token})
