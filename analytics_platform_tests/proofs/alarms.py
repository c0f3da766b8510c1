"""A real Alertmanager for proofs: Debian's package, with our routes and a receiver that notes what it is sent."""

import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from analytics_platform.alerts.routes import routes
from analytics_platform.local.process import free_port
from analytics_platform_tests.alerts.receivers import Received, http_receiver
from analytics_platform_tests.proofs.instances import pause
from analytics_platform_tests.proofs.report import Report

PACKAGE, PROGRAM = "prometheus-alertmanager", "prometheus-alertmanager"
WAIT_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """A running Alertmanager, and what the receiver behind it was sent."""

    url: str
    received: Received

    def standing(self) -> list[dict[str, Any]]:
        """The alerts that it has, by its own API; our heartbeat left out."""
        with urlopen(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            found = json.loads(answer.read())
        return [alert for alert in found if alert["labels"]["alertname"] == "CheckFailing"]

    def notified(self) -> Counter[tuple[str, str]]:
        """By cause and status, how often the receiver was told."""
        told = Counter[tuple[str, str]]()
        for body in self.received.bodies():
            for alert in body["alerts"]:
                if alert["labels"]["alertname"] == "CheckFailing":
                    told[alert["labels"]["cause"], alert["status"]] += 1
        return told


def await_that(holds: Callable[[], bool], what: str) -> None:
    """Wait until it is so; RuntimeError if it takes too long."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {WAIT_SECONDS:.0f} s: {what}")
        pause(0.2)


@contextmanager
def running_alarms(report: Report, folder: Path) -> Generator[Alarms]:
    """A receiver, and an Alertmanager that tells it everything."""
    with http_receiver() as received, _alertmanager(report, folder, received) as url:
        yield Alarms(url=url, received=received)


@contextmanager
def _alertmanager(report: Report, folder: Path, received: Received) -> Generator[str]:
    """Debian's Alertmanager on free ports, with our routes and a receiver for all."""
    program = _installed(report)
    folder.mkdir(parents=True)
    hooks = {"webhook_configs": [{"url": f"{received.url}/alerts", "send_resolved": True}]}
    made = routes(["team:house"], {"default": hooks, "team:house/error": hooks})
    made["route"] |= {"group_wait": "1s", "group_interval": "2s"}
    made["route"]["routes"] = made["route"]["routes"][1:]  # nobody pages for the heartbeat here
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(made))
    port, cluster = free_port(0), ""
    options = [f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}"]
    options += [f"--web.listen-address=127.0.0.1:{port}", f"--cluster.listen-address={cluster}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *options], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        await_that(lambda: _answers(f"{url}/-/ready"), f"Alertmanager answers: {(folder / 'log').read_text()[-500:]}")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _installed(report: Report) -> str:
    found = shutil.which(PROGRAM)
    if found is None:
        report.step(f"{PACKAGE} is missing: apt-get install")
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", PACKAGE], check=True, timeout=300)
        found = shutil.which(PROGRAM)
    if found is None:
        raise RuntimeError(f"{PROGRAM} is not on the path after installing {PACKAGE}")
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    report.figure("Alertmanager", (said.stdout or said.stderr).splitlines()[0])
    return found


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False
