"""Requests to the HTTP service, on every route that it has: in this process, over a real Postgres and a real git."""

import asyncio
import json
import random
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp

from analytics_platform.products import catalog
from analytics_platform.service.app import ENDPOINTS, application
from analytics_platform.service.metrics import measure_from
from analytics_platform.service.registry import ServedRegistry
from analytics_platform.settings import read_settings
from analytics_platform_tests.brokers import running_postgres
from analytics_platform_tests.fuzz.mutate import mutated, noise
from analytics_platform_tests.fuzz.target import Target, WrongAnswerError
from analytics_platform_tests.service.served import repository
from analytics_platform_tests.service.tokens import issued

PEOPLE = "people:\n  ana: {email: ana@x}\n  ben: {email: ben@x}\ngroups:\n  all: [ana, ben]\nrules: []\n"
RECORD = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}
SCHEMAS: tuple[tuple[str, Any], ...] = (
    ("AVRO", RECORD),
    ("AVRO", {**RECORD, "fields": [*RECORD["fields"], {"name": "b", "type": ["null", "string"], "default": None}]}),
    ("AVRO", "string"),
    ("JSON", {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
    ("JSON", {"$ref": "#/definitions/x", "definitions": {"x": {"type": "string", "pattern": "(a+)+$"}}}),
    ("PROTOBUF", 'syntax = "proto3"; message M { int32 a = 1; }'),
)
SUBJECTS = (
    "s",
    "t-value",
    "a%2Fb",
    "é",
    "%00",
    "%ff",
    ":.ctx:s",
    "..",
    "a" * 300,
    "%F0%9F%98%80",
    "__GLOBAL",
    " ",
    "%25",
)
NUMBERS = ("1", "2", "latest", "-1", "0", "2147483648", "9" * 400, "1e3", "%31", "\u0661", "", "-", "1_0", "NaN")
QUERY = ("true", "false", "", "1", "-1", "9" * 30, "resolved", "%00", "%ff", "é", "\ud83d", "a" * 2000, "serialized")
TEXTS = (
    "",
    "\x00",
    "\ud800",
    "é\u2028",
    "a" * 5_000,
    "x'; drop table batch; --",
    "{{7*7}}",
    "\x1b[31m",
    "%s%n",
    "../..",
)
ODD = (None, True, 0, -1, 2**70, 1.5, float("nan"), [], {}, [[]], {"a": None}, *TEXTS)
SETTINGS = ({"compatibility": "FULL"}, {"compatibility": "NONE"}, {"mode": "READONLY"}, {"mode": "READWRITE"})
DEEP = 3_000


@dataclass(frozen=True, slots=True)
class Served:
    """The application, and what an attacker may know: a token."""

    app: ASGIApp
    registry: ServedRegistry
    loop: asyncio.AbstractEventLoop
    token: str = ""


@contextmanager
def opened(folder: Path, instead: ASGIApp | None = None) -> Generator[Target]:
    """The service over servers of its own in that folder; or another application, to see that it is found out."""
    schemas = repository(folder / "git")
    (schemas / "governance.yaml").write_text(PEOPLE)
    with running_postgres(folder / "pg") as postgres:
        registry = ServedRegistry(postgres.dsn, schemas, folder / "patches", commits=False, declared=catalog())
        registry.start()
        registry.change(lambda _: None)
        loop = asyncio.new_event_loop()
        app = instead or application(registry, measure_from(postgres.dsn, read_settings(), catalog()))
        served = Served(app, registry, loop, issued(registry, "ana"))
        try:
            yield Target("requests", 1, lambda chance: _feed(chance, served))
        finally:
            loop.close()
            registry.stop()


def _feed(chance: random.Random, served: Served) -> str:
    method, path, body = _request(chance)
    status, type_, answer = served.loop.run_until_complete(
        _ask(served.app, method, path, body, _headers(chance, served))
    )
    if status >= 500:
        raise WrongAnswerError(f"{status} for {method} {path[:200]} {body[:200]!r}: {answer[:300]!r}")
    if type_.startswith("application/") and method != "HEAD":
        told = json.loads(answer)
        if status >= 400 and not (told["error_code"] and told["message"]):
            raise WrongAnswerError(f"{status} without a word: {answer[:300]!r}")
    return f"{status // 100}xx"


async def _ask(
    app: ASGIApp, method: str, path: str, body: bytes, headers: Mapping[str, bytes]
) -> tuple[int, str, bytes]:
    """One request, as a server would pass it on; the body in two pieces."""
    raw, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": raw, "raw_path": raw.encode("utf-8", "surrogatepass"), "query_string": query.encode("utf-8", "replace"),
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8081),
        "headers": [(name.encode(), value) for name, value in headers.items()],
    }  # fmt: skip
    pieces = [body[: len(body) // 2], body[len(body) // 2 :]]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not pieces:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next(each for each in sent if each["type"] == "http.response.start")
    told = dict(start["headers"])
    answer = b"".join(each.get("body", b"") for each in sent if each["type"] == "http.response.body")
    return start["status"], told.get(b"content-type", b"").decode(), answer


def _request(chance: random.Random) -> tuple[str, str, bytes]:
    endpoint = chance.choice(ENDPOINTS)
    path = endpoint.path
    for name in ("subject", "version", "id", "guid"):
        path = path.replace(f"{{{name}}}", _segment(chance, name))
    named = [*chance.sample(endpoint.query, min(len(endpoint.query), chance.randrange(3))), "x"]
    query = "&".join(f"{name}={_value(chance)}" for name in named[: chance.randrange(3)])
    if chance.random() < 0.03:
        path = chance.choice(("/metrics", "/openapi.json", "//", "/" + quote(noise(chance, 20)), path + "/", "*"))
    method = endpoint.method if chance.random() < 0.95 else chance.choice(("GET", "PUT", "PATCH", "HEAD", "OPTIONS"))
    body = _body(chance, endpoint.path) if method in ("POST", "PUT", "DELETE") else b""
    return method, f"{path}?{query}" if query else path, body


def _segment(chance: random.Random, name: str) -> str:
    if chance.random() < 0.1:
        return quote(noise(chance, 12)) or "x"
    if name == "subject":
        return chance.choice(SUBJECTS[:2]) if chance.random() < 0.6 else chance.choice(SUBJECTS)
    if name == "guid":
        return chance.choice(("00000000-0000-0000-0000-000000000001", "x", "0" * 32, *NUMBERS))
    return chance.choice(NUMBERS[:3]) if chance.random() < 0.6 else chance.choice(NUMBERS)


def _value(chance: random.Random) -> str:
    return (
        chance.choice(QUERY).encode("utf-8", "replace").decode() if chance.random() < 0.9 else quote(noise(chance, 9))
    )


def _headers(chance: random.Random, served: Served) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if chance.random() < 0.3:
        found["accept"] = chance.choice((b"*/*", b"application/json", b"text/html", b"", b",;,", noise(chance, 20)))
    if chance.random() < 0.2:
        types = (b"application/json", b"application/octet-stream", b"text/plain", b"", b";", noise(chance, 20))
        found["content-type"] = chance.choice(types)
    if chance.random() < 0.3:
        token = served.token.encode()
        found["authorization"] = chance.choice((b"Bearer " + token, token, b"Bearer", b"Basic eDp5", noise(chance, 60)))
    return found


def _body(chance: random.Random, path: str) -> bytes:
    kind = chance.random()
    if kind < 0.05:
        return noise(chance)
    if kind < 0.08:
        return chance.choice((b"[", b'{"schema":', b'{"a":[')) * DEEP
    content = dict(_content(chance, path))
    if kind < 0.4:
        content[chance.choice(("x", *content))] = chance.choice(ODD)
    text = json.dumps(content, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    return mutated(chance, text) if kind > 0.85 else text


def _content(chance: random.Random, path: str) -> Mapping[str, Any]:
    """What the endpoint asks for, or nearly."""
    if "votes" in path:
        return {"vote": chance.choice(("approve", "reject", "x")), "change": chance.choice(("0" * 64, *TEXTS))}
    if path.startswith(("/config", "/mode")):
        return chance.choice(SETTINGS)
    kind, schema = chance.choice(SCHEMAS)
    text = schema if isinstance(schema, str) and kind == "PROTOBUF" else json.dumps(_odd_schema(chance, schema))
    content: dict[str, Any] = {"schema": text, "schemaType": kind}
    if chance.random() < 0.2:
        content["references"] = [
            {"name": "S", "subject": chance.choice(("s", "nobody")), "version": chance.choice((1, -1))}
        ]
    return content


def _odd_schema(chance: random.Random, schema: Any) -> Any:
    """A schema with something else in some place; half the time as it is, so that versions are known."""
    if chance.random() < 0.6 or not isinstance(schema, dict):
        return schema
    key = chance.choice(list(schema))
    inner = schema[key]
    if isinstance(inner, list) and inner and chance.random() < 0.7:
        return {**schema, key: [*inner[:-1], _odd_schema(chance, inner[-1])]}
    if isinstance(inner, dict) and chance.random() < 0.7:
        return {**schema, key: _odd_schema(chance, inner)}
    return {**schema, chance.choice((key, "name", "default", "$ref", "logicalType")): chance.choice((*ODD, schema))}
