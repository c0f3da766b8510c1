"""kill -9 of the registry at each step of a publish, 50 times: nothing lost, nothing doubled; git alone restores it."""

import http.client
import json
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analytics_platform_tests.brokers import Postgres, fresh_database, running_postgres
from analytics_platform_tests.proofs.registry_process import RegistryProcess, git, new_repository, running
from analytics_platform_tests.proofs.report import Report

KILLS = 50
STEPS = ("locked", "allotted", "committed", "visible")
AT_SOME_TIME = "some time"  # by the clock, so that git may be in the middle of its work
LATEST_SECONDS = 0.5
SUBJECTS = ("bids-value", "auctions-value", "odd/na me", "a-key")
Listed = Mapping[tuple[str, int], tuple[int, str, str]]  # subject and version: id, GUID, schema


@dataclass(slots=True)
class Seen:
    """All that a client was ever told: which id a schema has, by subject; and what it asked for."""

    ids: dict[str, int] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)

    def note(self, subject: str, schema: str, version: int, id_: int) -> None:
        """Something was told; it must never be told otherwise."""
        if self.ids.setdefault(schema, id_) != id_ or self.versions.setdefault((subject, schema), version) != version:
            self.contradictions.append(f"{subject} {schema[:40]}: version {version}, id {id_}, and otherwise before")


def prove(report: Report) -> None:
    """Publish under fire, then rebuild from a clone of the repository and an empty database."""
    chance = random.Random(report.seed)
    report.figure("seed", report.seed)
    with TemporaryDirectory(prefix="schemas4-") as place, running_postgres(Path(place) / "pg") as postgres:
        home = Path(place)
        with fresh_database(postgres) as dsn:
            registry = RegistryProcess(dsn=dsn, schemas=new_repository(home / "project"), state=home / "state")
            seen = _fire(report, registry, chance)
            with running(registry):
                _retry(registry, seen)
                before = listed(registry)
        _judge(report, seen, before, home / "project")
        report.step("rebuild: a clone of the repository, an empty database")
        after = _rebuilt(postgres, home, "clone", reset=0)
        report.claim("from git alone come the same subjects, versions, ids, GUIDs and texts", holds=after == before)
        short = _rebuilt(postgres, home, "short", reset=1)
        report.claim("a planted loss of one commit is seen", holds=len(before.items() - short.items()) == 1)


def _fire(report: Report, registry: RegistryProcess, chance: random.Random) -> Seen:
    seen, where = Seen(), [*STEPS, AT_SOME_TIME] * KILLS
    plan = where[:KILLS]
    chance.shuffle(plan)
    counts = {step: plan.count(step) for step in (*STEPS, AT_SOME_TIME)}
    report.step(f"{KILLS} publishes, each killed: {counts}")
    with running(registry):
        registry.ask("PUT", "/config", {"compatibility": "NONE"})  # what is compatible is not the question here
    answered = 0
    for number, step in enumerate(plan):
        registry.start()
        for place, (id_, _, schema) in listed(registry).items():
            seen.note(place[0], schema, place[1], id_)
        _retry(registry, seen)
        subject, schema = chance.choice(SUBJECTS), _schema(number)
        seen.asked.append((subject, schema))
        answered += _publish_and_die(registry, seen, step, chance)
    report.figure("kills by step", counts)
    report.figure("answered before the kill", answered)
    return seen


def _publish_and_die(registry: RegistryProcess, seen: Seen, step: str, chance: random.Random) -> bool:
    """Ask for the last schema; whether an answer came before the process was gone."""
    killer = threading.Timer(chance.uniform(0, LATEST_SECONDS), registry.kill)
    if step == AT_SOME_TIME:
        killer.start()
    else:
        registry.armed.write_text(step)
    try:
        _register(registry, seen, *seen.asked[-1])
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        killer.cancel()
        registry.kill()
        registry.armed.unlink(missing_ok=True)


def _retry(registry: RegistryProcess, seen: Seen) -> None:
    """What a producer does whose registration broke off: it asks again."""
    for subject, schema in seen.asked[-1:]:
        _register(registry, seen, subject, schema)


def _register(registry: RegistryProcess, seen: Seen, subject: str, schema: str) -> None:
    path = f"/subjects/{subject.replace('/', '%2F').replace(' ', '%20')}/versions"
    status, body = registry.ask("POST", path, {"schema": schema})
    if status != http.HTTPStatus.OK:
        raise AssertionError(f"{subject}: {status} {body}")
    seen.note(subject, schema, body["version"], body["id"])


def _schema(number: int) -> str:
    """A schema that no other publish asks for."""
    return json.dumps({"type": "record", "name": f"R{number}", "fields": []}, separators=(",", ":"))


def listed(registry: RegistryProcess) -> Listed:
    """All that the registry has."""
    _, found = registry.ask("GET", "/schemas")
    return {(each["subject"], each["version"]): (each["id"], each["guid"], each["schema"]) for each in found}


def _judge(report: Report, seen: Seen, before: Listed, project: Path) -> None:
    ids = [id_ for id_, _, _ in before.values()]
    report.figure("versions", len(before))
    report.claim("no client was ever told two things", holds=not seen.contradictions)
    report.claim(
        "everything asked for is there", holds={s for _, s in seen.asked} == {s for _, _, s in before.values()}
    )
    report.claim("each once: 50 versions, 50 ids", holds=len(before) == KILLS and len(set(ids)) == KILLS)
    numbers: dict[str, list[int]] = {}
    for subject, version in before:
        numbers.setdefault(subject, []).append(version)
    report.claim("versions are counted without gaps", holds=all(_gapless(found) for found in numbers.values()))
    subjects = [line for line in git(project, "log", "--format=%s").splitlines() if "is published" in line]
    report.claim("each version is one commit", holds=len(subjects) == len(set(subjects)) == KILLS)
    report.claim("the folder is what is committed", holds=git(project, "status", "--porcelain") == "")


def _gapless(numbers: Sequence[int]) -> bool:
    return sorted(numbers) == list(range(1, len(numbers) + 1))


def _rebuilt(postgres: Postgres, home: Path, name: str, *, reset: int) -> dict[Any, Any]:
    """What a registry says that knows nothing but a clone, without its newest commits."""
    git(home, "clone", "-q", str(home / "project"), name)
    git(home / name, "reset", "-q", "--hard", f"HEAD~{reset}")
    with (
        fresh_database(postgres) as dsn,
        running(RegistryProcess(dsn=dsn, schemas=home / name / "schemas", state=home / f"{name}-state")) as again,
    ):
        return dict(listed(again))
