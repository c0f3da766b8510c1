"""A running instance with names encrypted, copies of its folders, and the people whom a proof of erasure watches."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics_platform_tests.proofs.instances import DrivenInstance
from analytics_platform_tests.proofs.persons_found import Found
from analytics_platform_tests.proofs.report import Report

RATE = "400"
ANA, BEN = 900_001, 900_002


@dataclass(slots=True)
class Watched:
    """The instance, its copies of before, and the people."""

    report: Report
    instance: DrivenInstance
    names: dict[int, str]
    hal: int = 0
    ids: dict[int, str] = field(default_factory=dict)  # the name under which each one's key is kept
    cut: str = ""  # before anybody was erased
    before: dict[str, Found] = field(default_factory=dict)

    @property
    def erased(self) -> tuple[int, int]:
        """Those who are."""
        return ANA, self.hal

    @property
    def tables(self) -> Path:
        """Where the tables are."""
        return self.instance.state_dir / "tables"

    @property
    def keys(self) -> Path:
        """Where the keys are."""
        return self.instance.state_dir.with_name(f"{self.instance.state_dir.name}.keys")

    def copy(self, folder: Path) -> Path:
        """Where a copy of a folder of before lies."""
        return folder.with_name(f"{folder.name}-before")

    def up(self) -> None:
        """Start it."""
        self.instance.up("--rate", RATE, "--no-webserver")


def erase(watched: Watched, who: int) -> Any:
    """Have somebody erased; what `ap` says."""
    return watched.instance.told("privacy", "erase", f"person:{who}", "--reason", "a proof")


def duplicate(folder: Path, copy: Path) -> None:
    """With owners and times, as a backup has them."""
    subprocess.run(["cp", "-a", str(folder), str(copy)], check=True)


def revealed(watched: Watched) -> dict[int, tuple[Any, Any]]:
    """By person, their name in the clear and whether it is erased, as a steward reads them."""
    return shown(watched.instance.told("reveal", query_of_all(watched), "--purpose", "a proof"))


def query_of_all(watched: Watched) -> str:
    """The three, without what came as a token."""
    is_asked = f"id in ({_three(watched)}) and (name is null or starts_with(name, 'enc_'))"
    return f"select id, name, _erased from persons where {is_asked}"


def key_of(watched: Watched, who: int) -> str:
    """The name under which somebody's key is kept, out of what is encrypted for them."""
    query = f"select name from persons where id = {who} and starts_with(name, 'enc_') limit 1"
    return str(watched.instance.told("sql", query)[0]["name"])[4:24]


def _three(watched: Watched) -> str:
    return ", ".join(str(who) for who in (ANA, BEN, watched.hal) if who)


def shown(rows: list[dict[str, Any]]) -> dict[int, tuple[Any, Any]]:
    """By person, their name and whether it is erased; two of which differ are an error."""
    found = {(row["id"], row["name"], row["_erased"]) for row in rows}
    by_person = {id_: (name, erased) for id_, name, erased in found}
    if len(by_person) != len(found):
        raise AssertionError(f"one person, several answers: {found}")
    return by_person


def count(watched: Watched, condition: str) -> int:
    """How many persons of silver there are like that; 0 before anything is published."""
    done = watched.instance.ap("sql", f"select count(*)::int as n from persons where {condition}", "--json")
    return int(json.loads(done.stdout)[0]["n"]) if done.returncode == 0 else 0
