"""Files that people write, with lines, values and forms in them that do not belong there."""

import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from analytics_platform.errors import PlatformError
from analytics_platform.governance.consumers import parse_consumers
from analytics_platform.governance.files import parse_glass, parse_proposal, parse_vote
from analytics_platform.governance.policy_file import parse_policy
from analytics_platform.quality.contract import read_contract
from analytics_platform.quality.lint import faults_of
from analytics_platform.registry.lock import parse_lock, parse_states
from analytics_platform.registry.subject_file import Kind, global_setting, parse_subject
from analytics_platform.security.access_file import parse_access
from analytics_platform_tests.fuzz.mutate import mutated, splice
from analytics_platform_tests.fuzz.target import Target

WHERE = "fuzzed"
EXAMPLES = Path(__file__).with_name("examples")
DEEP = 2_000
ODD_VALUES = (
    None, True, [], {}, "", 0, -1, 2**70, 1.5, float("nan"), float("inf"), [[]], {"a": {"b": []}}, "é\u2028\U0001f600",
    [None], {None: None}, {1: 2}, {True: "x"}, "a" * 5_000, ["x"] * 50,
)  # fmt: skip
ODD_TEXTS = (
    "&a [*a]", "&a {b: *a}", "*nothing", "{[1]: 2}", "{{}: 1}", "? [1]\n: 2", "2026-13-45", "0000-00-00", "24:61:61",
    "2026-01-01T99:99:99Z", "!!python/object/apply:os.getcwd []", "!!python/name:os.system x", "!!binary '*'",
    "!!timestamp nope", "!!int ''", "!!int 0x", "!!float x", "!!bool maybe", "!!set {a}", "!!omap [1]", "!!pairs 1",
    "!!null x", "!own 1", ".nan", "-.inf", "1_0:9", "0b", "0o9", "=", "<<: 1", "<<: [1]", "<<: *x", "%YAML 9.9\n---\n",
    "---\na: 1\n---\nb: 2",
    "\t- a", "\x00", "\x85", "\ufeff", "\ud800", "'", '"', "|", ">-", "'\\", '"\\x"', '"\\uD800"',
    "9" * 5_000, "1e999", "[" * DEEP, "{a: " * DEEP, "- " * DEEP, "&a " * 50, "!" * 50, "a: &x 1\nb: *x",
    "&a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c]",
)  # fmt: skip
Loader = Callable[[str], object]


def target(seed: int) -> Target:
    """Every loader of a file that people write."""
    loaders = _loaders()
    texts = {name: [path.read_text() for path in sorted(EXAMPLES.glob(f"{name}.*.yaml"))] for name in loaders}
    pool = [text for found in texts.values() for text in found]

    def feed(chance: random.Random) -> str:
        name = chance.choice(list(loaders))
        text = _hostile(chance, chance.choice(texts[name] if chance.random() < 0.9 else pool), pool)
        try:
            loaders[name](text)
        except PlatformError as error:
            str(error)
            return f"{name} refused"
        return f"{name} read"

    return Target("yaml", 1, feed)


def _loaders() -> Mapping[str, Loader]:
    """By kind of file, as the examples are named: what reads it."""
    return {
        "subject": _read_subject,
        "policy": parse_policy,
        "contract": _read_contract,
        "lock": partial(parse_lock, where=WHERE),
        "access": parse_access,
        "governance": _read_governance,
    }


def _read_subject(text: str) -> None:
    for kind in Kind:
        parse_subject(text, WHERE, kind)
    parse_states(text, WHERE)
    global_setting(text, WHERE)


def _read_governance(text: str) -> None:
    """What lies beside a proposal, and who reads what: each reader takes the others' texts, too."""
    refused = 0
    readers: tuple[Callable[[str, str], object], ...] = (parse_proposal, parse_vote, parse_glass, parse_consumers)
    for read in readers:
        try:
            read(text, WHERE)
        except PlatformError:
            refused += 1
    if refused == len(readers):
        parse_consumers(text, WHERE)  # says so


def _read_contract(text: str) -> None:
    """What is linted is what is read: a contract without a fault must be one."""
    for fault in faults_of(text):
        str(fault)
    read_contract(text, WHERE)


def _hostile(chance: random.Random, text: str, pool: list[str]) -> str:
    kind = chance.random()
    if kind < 0.25:
        return mutated(chance, text.encode("utf-8", "replace")).decode("utf-8", "replace")
    if kind < 0.5:
        return _other_lines(chance, text.split("\n"), pool)
    if kind < 0.9:
        return _odd_node(chance, text)
    return chance.choice(ODD_TEXTS)


def _other_lines(chance: random.Random, lines: list[str], pool: list[str]) -> str:
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines) + 1)
        head, tail = lines[:at], lines[at:]
        line = tail[0] if tail else ""
        indent = line[: len(line) - len(line.lstrip())]
        lines = chance.choice(
            (
                head + tail[1:],
                [*head, line, *tail],
                [*head, " " * chance.randrange(9) + line.lstrip(), *tail[1:]],
                [*head, f"{line.partition(':')[0]}: {chance.choice(ODD_TEXTS)}", *tail[1:]],
                [*head, f"{indent}- {chance.choice(ODD_TEXTS)}", *tail],
                splice(chance, lines, chance.choice(pool).split("\n")),
            )
        )
    return "\n".join(lines)


def _odd_node(chance: random.Random, text: str) -> str:
    """The file with a value of another kind somewhere, or one more, or one less."""
    content = yaml.safe_load(text)
    for _ in range(chance.choice((1, 1, 2))):
        places = list(_places(content))
        if not places:
            break
        inside, key = chance.choice(places)
        match chance.randrange(4):
            case 0:
                inside[key] = _odd(chance)
            case 1 if isinstance(inside, dict):
                inside[chance.choice(("x", 1, None, True, key))] = _odd(chance)
            case 2 if isinstance(inside, list):
                inside.append(_odd(chance))
            case _:
                del inside[key]
    return yaml.safe_dump(content, allow_unicode=chance.random() < 0.5, default_flow_style=chance.choice((None, True)))


def _odd(chance: random.Random) -> Any:
    return yaml.safe_load(yaml.safe_dump(chance.choice(ODD_VALUES)))  # a copy: it may be changed in its turn


def _places(content: Any) -> list[tuple[Any, Any]]:
    """Every container with a key or place in it."""
    keys = content.keys() if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    return [(content, key) for key in keys] + [found for key in list(keys) for found in _places(content[key])]
