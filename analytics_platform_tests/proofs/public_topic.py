"""Documents like those of public feeds of code hosting: nested, optional, repeated, up to 25 kB. Pure."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

KINDS = ("push", "pull_request", "star", "issue_comment")
WEIGHTS = (5, 2, 4, 2)
WORDS = ("the", "of", "and", "to", "in", "is", "you", "that", "it", "bé", "多", "Ω", '"', "\\", "/", "\n")
MILLIS = 1000


def documents(seed: int, count: int, newest: datetime) -> Iterator[dict[str, Any]]:
    """`count` documents, the last of them about `newest`; equal for equal arguments."""
    chance = random.Random(seed)
    for number in range(count):
        at = newest - timedelta(milliseconds=20 * (count - number) + chance.randrange(500))
        yield _document(chance, number, at)


def _document(chance: random.Random, number: int, at: datetime) -> dict[str, Any]:
    kind = chance.choices(KINDS, WEIGHTS)[0]
    document = {
        "id": f"{40_000_000_000 + 7 * number}",
        "type": kind,
        "actor": _person(chance),
        "repo": {"id": chance.randrange(10**9), "name": _words(chance, 2), "stars": chance.randrange(10**5)},
        "public": True,
        "created_at": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "received_ms": int(at.timestamp() * MILLIS) + chance.randrange(900),
        "payload": {"action": kind, **_payload(chance, kind, at)},
        "reactions": {_login(chance): chance.randrange(9) for _ in range(chance.randrange(6))},
        "score": chance.choice([1, 0.5, -2.25, 1e3]),
        "parameters": chance.choice([{"a": 1}, [], [1, "x"]]),
        "meta": {"shard": chance.randrange(8), "trace": None},
    }
    if chance.random() < 0.3:
        document["org"] = {**_person(chance), "description": chance.choice([None, _words(chance, 12)])}
    return document


def _payload(chance: random.Random, kind: str, at: datetime) -> dict[str, Any]:
    if kind == "push":
        return {"ref": "refs/heads/main", "commits": [_commit(chance, at) for _ in range(chance.randrange(0, 30))]}
    if kind == "pull_request":
        return {"number": chance.randrange(5000), "pull_request": _pull_request(chance, at)}
    if kind == "issue_comment":
        return {"issue": {"title": _words(chance, 8), "labels": _labels(chance)}, "comment": _words(chance, 300)}
    return {}


def _pull_request(chance: random.Random, at: datetime) -> dict[str, Any]:
    return {
        "title": _words(chance, 9),
        "body": chance.choice([None, "", _words(chance, chance.randrange(10, 4000))]),
        "user": _person(chance),
        "head": {"ref": _words(chance, 1), "repo": chance.choice([None, {"fork": True, "owner": _person(chance)}])},
        "opened_at": (at - timedelta(days=chance.randrange(900))).isoformat(),
        "merged_at": chance.choice([None, at.isoformat()]),
        "labels": _labels(chance),
        "files": {
            f"src/{_login(chance)}.py": {"added": chance.randrange(99), "hunks": [[1, 2], [3]]} for _ in range(5)
        },
        "commits": [_commit(chance, at) for _ in range(chance.randrange(1, 60))],
    }


def _commit(chance: random.Random, at: datetime) -> dict[str, Any]:
    commit = {"sha": f"{chance.getrandbits(160):040x}", "author": _person(chance), "message": _words(chance, 20)}
    if chance.random() < 0.5:
        commit["verification"] = {"verified": chance.random() < 0.5, "at": chance.choice([None, at.isoformat()])}
    return commit


def _labels(chance: random.Random) -> list[dict[str, Any]]:
    return [{"name": _words(chance, 1), "color": None, "default": False} for _ in range(chance.randrange(4))]


def _person(chance: random.Random) -> dict[str, Any]:
    return {"id": chance.randrange(10**8), "login": _login(chance), "site_admin": chance.random() < 0.01}


def _login(chance: random.Random) -> str:
    return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz-", k=8)) + str(chance.randrange(1000))


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(WORDS, k=count))
