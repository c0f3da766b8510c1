"""Whoever reads topics or tables, as they register themselves in `consumers.yaml`. Pure.

consumers:
  - {name: fraud, owner: team:fraud, reads: bids-value, version: 1, columns: [price], groups: [fraud-*]}
  - {name: board-report, owner: team:bi, reads: hot_items}
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from analytics_platform.errors import DeclarationError
from analytics_platform.yaml_text import read_yaml

CONSUMERS_FILE = "consumers.yaml"
FORM = "write {name: fraud, owner: team:fraud, reads: bids-value, version: 1, columns: [price]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Who reads what: a subject, a stream or a model; of it these columns (none: all), in that version (None: any).

    `groups` are patterns of the consumer groups that they read Kafka with; none: one that is called as they are.
    """

    name: str
    owner: str
    reads: str
    columns: tuple[str, ...] = ()
    version: int | None = None
    groups: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = f" version {self.version}" if self.version else ""
        columns = f" ({', '.join(self.columns)})" if self.columns else ""
        return f"{self.name} of {self.owner} reads {self.reads}{what}{columns}"


def parse_consumers(text: str, where: str = CONSUMERS_FILE) -> list[Consumer]:
    """Every consumer; raises DeclarationError."""
    content = read_yaml(text, where).value or {}
    listed = content.get("consumers") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise DeclarationError(where, "has no list `consumers`", "start it with `consumers:`")
    found = [_consumer(each, f"{where}, consumer {number}") for number, each in enumerate(listed, 1)]
    names = [each.name for each in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise DeclarationError(where, f"{name} stands twice", "give each a name of its own")
    return found


def consumers_text(consumers: Iterable[Consumer]) -> str:
    """The file."""
    listed = [
        {
            **{"name": each.name, "owner": each.owner, "reads": each.reads},
            **({"version": each.version} if each.version else {}),
            **({"columns": list(each.columns)} if each.columns else {}),
            **({"groups": list(each.groups)} if each.groups else {}),
        }
        for each in sorted(consumers, key=lambda each: each.name)
    ]
    return yaml.safe_dump({"consumers": listed}, sort_keys=False, allow_unicode=True)


def consumers_of(consumers: Iterable[Consumer], subject: str, version: int) -> list[Consumer]:
    """Those who read a version of a subject, or of its stream; whoever names no version may read any."""
    return [each for each in consumers if each.reads in _names(subject) and each.version in (None, version)]


def concerned(
    consumers: Iterable[Consumer], subject: str, changed: Collection[str], below: Collection[str]
) -> list[Consumer]:
    """Those whom a change concerns: they read a column that changes, or one of a model that comes from it.

    Args:
        consumers: all that are registered.
        subject: what changes.
        changed: its columns that change or go.
        below: columns of models that come from those, as `hot_items.auction`.
    """
    return [each for each in consumers if _is_concerned(each, subject, changed, below)]


def _is_concerned(consumer: Consumer, subject: str, changed: Collection[str], below: Collection[str]) -> bool:
    if consumer.reads in _names(subject):
        return bool(set(changed) & set(consumer.columns)) if consumer.columns else bool(changed)
    of_table = {column for table, _, column in (name.partition(".") for name in below) if table == consumer.reads}
    return bool(of_table & set(consumer.columns)) if consumer.columns else bool(of_table)


def _names(subject: str) -> tuple[str, str]:
    """A subject is read by its own name or by its stream's."""
    return subject, subject.removesuffix("-value")


def _consumer(said: Any, where: str) -> Consumer:
    texts = {key: said.get(key) for key in ("name", "owner", "reads")} if isinstance(said, dict) else {}
    if len(texts) < 3 or not all(isinstance(text, str) and text for text in texts.values()):
        raise DeclarationError(where, "lacks its name, its owner or what it reads", FORM)
    columns, groups = (_texts(said, key, where) for key in ("columns", "groups"))
    version = said.get("version")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int) or version < 1):
        raise DeclarationError(where, f"version is {version!r}", FORM)
    return Consumer(**texts, columns=columns, version=version, groups=groups)


def _texts(said: Any, key: str, where: str) -> tuple[str, ...]:
    found = said.get(key) or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise DeclarationError(where, f"{key} are {found!r}", FORM)
    return tuple(found)
