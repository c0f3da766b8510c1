"""Terminate in every phase, kill -9 of parent and child, new code mid-run, twenty leases at once: nothing is lost."""

import re
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from deltalake import DeltaTable

from analytics_platform_tests.proofs import webserver
from analytics_platform_tests.proofs.instances import DrivenInstance, kill, pause
from analytics_platform_tests.proofs.lone_events import SteadyBids
from analytics_platform_tests.proofs.own_topic import copy_project
from analytics_platform_tests.proofs.report import ROOT, Report

SETTINGS = {"AP_LEASE_SECONDS": "8"}
PER_SECOND = 20.0
SECONDS = 120.0
NOTICED_SECONDS = 5.0
AT_ONCE = 20
LOCK = "select pg_advisory_lock(hashtextextended('pipeline/auction_house', 0))"
NEWEST_RUN = "select run_id from runs where id > %s order by id limit 1"
NEW_WORDS = ("batches in", "batches, said by new code, in")
ENDED = ("SUCCESS", "FAILURE", "CANCELED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An instance, its webserver, and a report."""

    report: Report
    instance: DrivenInstance

    @property
    def port(self) -> int:
        """The webserver's."""
        return self.instance.ports()["webserver"]

    def terminate(self, phase: str, run_id: str) -> None:
        """Terminate, and claim what must be seen then."""
        said = self._press(run_id)
        status, seconds = self.ends(run_id)
        self.report.figure(f"terminated {phase}", {"ui": said, "status": status, "seconds": round(seconds, 2)})
        self.report.claim(
            f"terminated {phase}: CANCELED, and no process has it", status == "CANCELED" and self.is_gone(run_id)
        )

    def _press(self, run_id: str) -> str:
        """Terminate, as soon as Dagster lets: it refuses for a run that is starting."""
        while (said := webserver.terminate(self.port, run_id)) != "TerminateRunSuccess":
            if webserver.status(self.port, run_id)[0] not in ("NOT_STARTED", "STARTING"):
                break
            pause(0.01)
        return said

    def ends(self, run_id: str) -> tuple[str, float]:
        """The status in which a run ends, and after how long."""
        began = time.monotonic()
        status = wait(lambda: (found := webserver.status(self.port, run_id)[0]) in ENDED and found, f"{run_id} ends")
        return status, time.monotonic() - began

    def is_gone(self, run_id: str) -> bool:
        """Whether the process that had the run is gone; one that never had a process is."""
        messages = webserver.status(self.port, run_id)[1]
        pids = {
            int(pid) for message in messages for pid in re.findall(r"Started process for run \(pid: (\d+)\)", message)
        }
        return bool(wait(lambda: not pids & self.instance.processes().keys(), f"{run_id} lets go"))

    def next_run(self) -> str:
        """The next run, as soon as there is one."""
        with self.instance.dagster() as dagster:
            row = dagster.execute("select coalesce(max(id), 0) from runs").fetchone()
            last = row[0] if row else 0
            return wait(lambda: dagster.execute(NEWEST_RUN, [last]).fetchone(), "a run", every=0.002)[0]

    def at_work(self) -> tuple[str, int]:
        """The run that holds the lock alone, and its process."""
        return wait(lambda: _found(self.instance.worker), "a run is at work")

    def warm(self) -> dict[str, Any]:
        """The parent's pid, and those of its children."""
        pids = [pid for pid, part in self.instance.processes().items() if part == "warm"]
        parent = self.instance.pids().get("warm")
        return {"parent": parent, "children": sorted(set(pids) - {parent})}


def prove(report: Report) -> None:
    """One instance of a copy of the project, bids at a steady rate, and one thing after another."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warm4-")))
        clone = copy_project(ROOT, place / "clone")
        for name in ("dagster.yaml", "dagster.stock.yaml", "workspace.yaml"):
            (clone / name).write_text((ROOT / name).read_text())
        instance = DrivenInstance(
            clone=clone, state_dir=place / "state", jars=ROOT / ".state" / "jars", base_port=5500, settings=SETTINGS
        )
        report.step("ap up --detach --no-producer")
        stack.callback(instance.ap, "down")
        _up(instance)
        scene = Scene(report=report, instance=instance)
        wait(lambda: scene.warm()["children"], "a warm child")
        bids = SteadyBids(instance.kafka(), PER_SECOND)
        bids.start()
        for act in (_terminate, _kill_child, _kill_parent, _new_code, _broken_code, _many):
            act(scene)
        _nothing_is_lost(scene, bids.stop())
        _no_orphan(scene)


def _up(instance: DrivenInstance) -> None:
    """Up, however busy the machine: what `ap up` starts goes on when it has given up waiting."""
    with suppress(RuntimeError):
        instance.up("--no-producer")
    wait(lambda: _all_up(instance), "every part is up", 300.0)


def _all_up(instance: DrivenInstance) -> bool:
    return all(part["state"] in ("up", "done") for part in instance.record()["parts"].values())


def _terminate(scene: Scene) -> None:
    scene.report.step("terminate: as soon as there is a run")
    scene.terminate("as soon as it is there", scene.next_run())
    scene.report.step("terminate: at work")
    scene.terminate("at work", scene.at_work()[0])
    scene.report.step("terminate: waiting for the lock")
    with closing(psycopg.connect(scene.instance.setting("ledger_dsn"), autocommit=True)) as holder:
        holder.execute(LOCK)
        run_id = webserver.launch(scene.port, **{"platform/lease": "auction_house"})
        wait(lambda: webserver.status(scene.port, run_id)[0] == "STARTED", "it has started")
        pause(1.0)
        scene.terminate("waiting for the lock", run_id)
    run_id = webserver.launch(scene.port)
    scene.report.step("terminate: a backfill in the queue, or waiting for its order")
    scene.terminate("as a backfill", run_id)
    ended, _ = scene.at_work()
    scene.ends(ended)
    said = webserver.terminate(scene.port, ended)
    scene.report.claim("a run that has ended stays as it is", webserver.status(scene.port, ended)[0] == "SUCCESS")
    scene.report.figure("terminated after its end", {"ui": said})


def _kill_child(scene: Scene) -> None:
    run_id, pid = scene.at_work()
    scene.report.step(f"kill -9 of the worker of {run_id[:8]}")
    kill(pid)
    status, seconds = scene.ends(run_id)
    scene.report.figure("killed worker", {"status": status, "noticed after": round(seconds, 2)})
    scene.report.claim(
        f"a killed worker's run has failed within {NOTICED_SECONDS:.0f} s",
        status == "FAILURE" and seconds < NOTICED_SECONDS,
    )
    scene.report.claim("another run goes on", scene.at_work()[0] != run_id)


def _kill_parent(scene: Scene) -> None:
    run_id, _ = scene.at_work()
    before = scene.warm()
    scene.report.step(f"kill -9 of the parent while {run_id[:8]} is at work")
    kill(before["parent"])
    status, _ = scene.ends(run_id)
    scene.report.claim("the run under way ends well", status == "SUCCESS")
    after = wait(lambda: (found := scene.warm())["parent"] not in (None, before["parent"]) and found, "a new parent")
    scene.report.figure("parents", [before["parent"], after["parent"]])
    wait(lambda: not set(before["children"]) & set(scene.warm()["children"]), "the old children are gone")
    run_id = scene.next_run()
    scene.report.claim("later runs end well", scene.ends(run_id)[0] == "SUCCESS")


def _new_code(scene: Scene) -> None:
    """A word of the run's own log is changed while a run is at work."""
    run_id, pid = scene.at_work()
    parent = scene.warm()["parent"]
    scene.report.step(f"new code while {run_id[:8]} is at work")
    _write(scene, NEW_WORDS)
    status, messages = wait(lambda: (found := webserver.status(scene.port, run_id))[0] in ENDED and found, "it ends")
    scene.report.claim(
        "the run under way ends well, with the code it began with", status == "SUCCESS" and not _says_new(messages)
    )
    run_id = wait(lambda: _new_run(scene), "a run of the new code")
    scene.report.figure("new code", {"run": run_id, "parent": [parent, scene.warm()["parent"]], "worker before": pid})
    scene.report.claim("the parent replaced itself: same process", scene.warm()["parent"] == parent)


def _broken_code(scene: Scene) -> None:
    scene.report.step("code that cannot be imported")
    parent = scene.warm()["parent"]
    path = scene.instance.clone / "analytics_platform" / "products" / "bids.py"
    good = path.read_text()
    path.write_text(good + "\nthis is no Python\n")
    log = scene.instance.state_dir / "logs" / "warm.log"
    wait(lambda: "warm.code_refused" in log.read_text(), "it is refused")
    run_id = scene.next_run()
    scene.report.claim(
        "runs go on with the old code", scene.ends(run_id)[0] == "SUCCESS" and scene.warm()["parent"] == parent
    )
    path.write_text(good)


def _many(scene: Scene) -> None:
    scene.report.step(f"{AT_ONCE} leases at once")
    runs = [webserver.launch(scene.port, **{"platform/lease": "auction_house"}) for _ in range(AT_ONCE)]
    statuses = [
        wait(lambda r=run: (s := webserver.status(scene.port, r)[0]) in ENDED and s, f"{run} ends", 400.0)
        for run in runs
    ]
    scene.report.figure("at once", {status: statuses.count(status) for status in ENDED})
    scene.report.claim(f"all {AT_ONCE} end well", statuses == ["SUCCESS"] * AT_ONCE)


def _nothing_is_lost(scene: Scene, produced: set[str]) -> None:
    scene.report.step(f"every one of {len(produced):,} bids is in silver, once")
    found: list[str] = []

    def is_complete() -> bool:
        found[:] = _silver_ids(scene.instance)
        return produced <= set(found)

    wait(is_complete, "every bid is published", every=1.0)
    scene.report.figure("bids", {"produced": len(produced), "rows in silver": len(found)})
    scene.report.claim("no bid is lost, none is there twice", sorted(produced) == sorted(found))
    scene.report.claim("a lost one would be noticed", sorted(produced) != sorted(found[1:]))


def _no_orphan(scene: Scene) -> None:
    def is_tidy() -> bool:
        found = scene.warm()
        return found["parent"] is not None and len(found["children"]) == 1

    scene.report.claim("in the end there is the parent, and the one child that waits", bool(wait(is_tidy, "no orphan")))


def _silver_ids(instance: DrivenInstance) -> list[str]:
    with instance.ledger() as ledger:
        row = ledger.execute(
            "select versions -> 'bids/silver' from publication order by number desc limit 1"
        ).fetchone()
    if row is None:
        return []
    files = DeltaTable(str(Path(instance.setting("table_dir")) / "bids" / "silver"), version=row[0]).file_uris()
    return [i for (i,) in duckdb.execute("select event_id from read_parquet($1)", [files]).fetchall()] if files else []


def _write(scene: Scene, words: tuple[str, str]) -> None:
    path = scene.instance.clone / "analytics_platform" / "definitions" / "execute.py"
    text = path.read_text()
    if words[0] not in text:
        raise LookupError(f"{path} does not say {words[0]!r} any more")
    path.write_text(text.replace(*words))


def _says_new(messages: list[str]) -> bool:
    return any(NEW_WORDS[1] in message for message in messages)


def _new_run(scene: Scene) -> str | None:
    with scene.instance.dagster() as dagster:
        row = dagster.execute("select run_id from runs where status = 'SUCCESS' order by id desc limit 1").fetchone()
    return row[0] if row and _says_new(webserver.status(scene.port, row[0])[1]) else None


def _found(look: Callable[[], Any]) -> Any:
    try:
        return look()
    except LookupError:
        return None


def wait(look: Callable[[], Any], what: str, seconds: float = SECONDS, every: float = 0.1) -> Any:
    """Poll until there is something. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        pause(every)
    return found
