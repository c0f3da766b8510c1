"""YAML as people write it for this platform, read in one way everywhere: bounded, and never wrong without a line. Pure.

What no file of ours needs is not read: aliases, of which a few lines can make gigabytes, merges, tags, which name
types, and nesting without end. What YAML passes over in silence, a key that stands twice, is said.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from analytics_platform.errors import DeclarationError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where libyaml was there to build it with
DEEPEST = 30  # levels; deeper is no declaration, and would end the recursion of whoever reads it


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """One thing that is wrong, where, and what to do about it."""

    line: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}; {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a text says: as a value, and as a node that knows lines; None and None where it says nothing."""

    node: Node | None
    value: Any


def parse_yaml(text: str) -> Document | Fault:
    """The text's document, or the first thing that keeps it from being read; keys may stand twice."""
    try:
        if puzzle := next(_puzzles(text), None):
            return puzzle
        return Document(node=yaml.compose(text, LOADER), value=yaml.load(text, LOADER))
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        said = f"is no YAML: {problem}" if problem else "is no YAML"
        last = max(1, len(text.splitlines()))  # what ends too early is told of the line behind
        return Fault(line=min(mark.line + 1, last) if mark else 1, problem=said, remedy="mend the text")
    except (ValueError, OverflowError):  # a surrogate, a 13th month, a number without end
        problem = "holds a date, number or letter that there is not"
        return Fault(line=1, problem=problem, remedy="put what is a text in quotes")


def read_yaml(text: str, where: str) -> Document:
    """The same; raises DeclarationError, with the line, for a fault, and for a key that stands twice."""
    found = parse_yaml(text)
    fault = found if isinstance(found, Fault) else next(_twice(found.node), None)
    if fault:
        raise DeclarationError(f"{where}, line {fault.line}", fault.problem, fault.remedy)
    assert isinstance(found, Document), "or it would have been a fault"
    return found


def dump_yaml(value: Any, width: int = 110) -> str:
    """The text of a value, in the order of its keys and without aliases, so that it can be read again."""
    return yaml.dump(value, Dumper=_WithoutAliases, sort_keys=False, allow_unicode=True, width=width)


class _WithoutAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def line_of(node: Node) -> int:
    """Where it stands, counted from 1."""
    return node.start_mark.line + 1


def _puzzles(text: str) -> Iterator[Fault]:
    depth = 0
    for event in yaml.parse(text, LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            yield Fault(line=line, problem="an alias stands here", remedy="write out what it stands for")
        elif getattr(event, "tag", None):
            yield Fault(line=line, problem="a tag stands here", remedy="write the value without it")
        elif isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            yield Fault(line=line, problem="a merge stands here", remedy="write out what it brings in")
        elif depth > DEEPEST:
            yield Fault(line=line, problem=f"{depth} levels stand here", remedy=f"write at most {DEEPEST}")


def _twice(node: Node | None) -> Iterator[Fault]:
    """Keys that repeat an earlier one of their mapping: YAML would take the last."""
    if isinstance(node, MappingNode):
        seen: set[Any] = set()
        for key, below in node.value:
            if key.value in seen:
                yield Fault(line=line_of(key), problem=f"{key.value!r} stands twice", remedy="keep one of them")
            seen.add(key.value)
            yield from _twice(below)
    elif isinstance(node, SequenceNode):
        for below in node.value:
            yield from _twice(below)
