"""Clients that nobody here wrote, in two languages; every error code provoked; 2,000 random requests."""

import http.client
import json
import random
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analytics_platform_tests.brokers import fresh_database, running_postgres
from analytics_platform_tests.proofs import stock_python
from analytics_platform_tests.proofs.registry_process import RegistryProcess, new_repository, running
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.service.confluent_api import CODES, CODES_NOT_DONE, NOT_DONE, PUBLISHED

NPM_CLIENT = "@kafkajs/confluent-schema-registry@4.1.0"
SCRIPT = Path(__file__).with_name("kafkajs_client.mjs")
RANDOM_REQUESTS = 2_000
A = json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]})
BROKEN = A.replace("long", "string")
USES_A = json.dumps({"type": "record", "name": "U", "fields": [{"name": "r", "type": "R"}]})
REFERENCE = [{"name": "R", "subject": "codes", "version": 1}]
PREPARED: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/subjects/codes/versions", {"schema": A}),
    ("POST", "/subjects/codes-user/versions", {"schema": USES_A, "references": REFERENCE}),
    ("POST", "/subjects/codes-gone/versions", {"schema": A}),
    ("DELETE", "/subjects/codes-gone", None),
    ("PUT", "/mode/codes-closed", {"mode": "READONLY"}),
)
PROVOKED: dict[int, tuple[str, str, Any]] = {
    40401: ("GET", "/subjects/none/versions", None),
    40402: ("GET", "/subjects/codes/versions/9", None),
    40403: ("GET", "/schemas/ids/2147483647", None),
    40404: ("DELETE", "/subjects/codes-gone", None),
    40405: ("DELETE", "/subjects/codes?permanent=true", None),
    40406: ("DELETE", "/subjects/codes-gone/versions/1", None),
    40407: ("DELETE", "/subjects/codes/versions/1?permanent=true", None),
    40408: ("GET", "/config/codes", None),
    40409: ("GET", "/mode/codes", None),
    40901: ("POST", "/subjects/codes/versions", {"schema": BROKEN}),
    42201: ("POST", "/subjects/codes/versions", {"schema": "{"}),
    42202: ("GET", "/subjects/codes/versions/zero", None),
    42203: ("PUT", "/config", {"compatibility": "SOME"}),
    42204: ("PUT", "/mode", {"mode": "SOME"}),
    42205: ("POST", "/subjects/codes-closed/versions", {"schema": A}),
    42206: ("DELETE", "/subjects/codes", None),
    42208: ("GET", "/subjects/%00/versions", None),
    42210: ("POST", "/subjects/codes/versions", {"schema": A, "ruleSet": {"domainRules": []}}),
}
# What random requests are made of.
SHAPES = [
    "/subjects",
    "/schemas",
    "/schemas/{}",
    "/subjects/{}",
    "/subjects/{}/versions",
    "/subjects/{}/versions/{}",
    "/schemas/ids/{}",
    "/config/{}",
    "/mode/{}",
    "/compatibility/subjects/{}/versions/{}",
    "/{}",
    "/{}/{}",
]
WORDS = [
    "schemas",
    "ids",
    "subjects",
    "versions",
    "config",
    "mode",
    "compatibility",
    "codes",
    "guids",
    "types",
    "1",
    "latest",
    "-1",
    "99999999999999",
    "..",
    "%2F",
    "%FF",
    "%00",
]
WORDS += ["", "a" * 300, "é".encode().decode("latin-1")]
QUERIES = ["", "", "?deleted=true", "?limit=x", "?offset=-5&limit=2", "?normalize=True", "?%FF=%FF", "?permanent=true"]
BODIES = [b"", b"{}", b"[]", b"{", b"\xff\xfe", b"null", b'{"schema": 1}', b'{"mode": []}', b'{"compatibility": {}}']


def prove(report: Report) -> None:
    """One service of its own; each client in turn."""
    with TemporaryDirectory(prefix="schemas1-") as place, running_postgres(Path(place) / "pg") as postgres:
        home = Path(place)
        with fresh_database(postgres) as dsn:
            registry = RegistryProcess(
                dsn=dsn, schemas=new_repository(home / "project"), state=home / "state", by_cli=True
            )
            with running(registry):
                report.step("confluent-kafka: every call of its registry client, and its serializers")
                _claim_each(report, stock_python.client_calls(registry.url))
                _claim_each(report, stock_python.round_trips(registry.url))
                _npm(report, registry, home / "npm")
                _codes(report, registry)
                _at_random(report, registry)
        _without_postgres(report, home, registry)


def _claim_each(report: Report, found: dict[str, bool]) -> None:
    for name, holds in found.items():
        report.claim(f"stock Python client: {name}", holds=holds)


def _npm(report: Report, registry: RegistryProcess, folder: Path) -> None:
    report.step(f"{NPM_CLIENT}, installed now, in Node")
    folder.mkdir()
    npm = shutil.which("npm")
    report.claim("npm is here", holds=npm is not None)
    install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", NPM_CLIENT]
    subprocess.run(install, cwd=folder, check=True, capture_output=True)
    shared = stock_python.written(registry.url, "kafkajs-shared", {"price": 9, "channel": "tv"})
    ran = subprocess.run(
        ["node", str(SCRIPT), f"http://127.0.0.1:{registry.port}", shared, registry.token],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    report.claim(f"the script runs {ran.stderr[-300:]}", holds=ran.returncode == 0)
    said = json.loads(ran.stdout or "{}")
    report.figure("npm client", {name: said.get(name) for name in ("ids", "latest", "refused")})
    ids = said["ids"]
    report.claim("npm: registers once, and again with the same id", holds=ids[0] == ids[1] != ids[2])
    report.claim("npm: latest, by version, by schema", holds=said["latest"] == ids[2])
    report.claim("npm: by version and by schema", holds=[said["looked_up"], said["searched"]] == [ids[0], ids[0]])
    report.claim("npm: reads its own Avro", holds=said["read"] == {"price": 7, "channel": "app"})
    report.claim("npm: reads its own JSON", holds=said["read_json"] == {"id": 3})
    report.claim(
        "npm: an incompatible schema is refused", holds="409" in said["refused"] or "compat" in said["refused"]
    )
    report.claim("npm reads what Python wrote", holds=said["read_python"] == {"price": 9, "channel": "tv"})
    found = stock_python.read(registry.url, said["written"])
    report.claim("Python reads what npm wrote", holds=found == {"price": 7, "channel": "app"})


def _codes(report: Report, registry: RegistryProcess) -> None:
    report.step("every error code, by a request that must end so")
    for method, path, content in PREPARED:
        status, body = registry.ask(method, path, content)
        if status != http.HTTPStatus.OK:
            raise AssertionError(f"{method} {path}: {body}")
    got = {code: registry.ask(*request)[1].get("error_code") for code, request in PROVOKED.items()}
    wrong = {code: found for code, found in got.items() if code != found}
    report.figure("error codes answered", len(got))
    report.figure("endpoints done", f"{len(PUBLISHED) - len(NOT_DONE)} of {len(PUBLISHED)} that Confluent publishes")
    report.claim(f"each code is what Confluent documents {wrong or ''}", holds=not wrong)
    missing = CODES.keys() - got.keys() - CODES_NOT_DONE.keys() - {50001}
    report.claim(f"each documented code was provoked, or has its reason {sorted(missing) or ''}", holds=not missing)


def _at_random(report: Report, registry: RegistryProcess) -> None:
    report.step(f"{RANDOM_REQUESTS:,} random requests, seed {report.seed}")
    chance = random.Random(report.seed)
    statuses: dict[int, int] = {}
    bad: list[str] = []
    for _ in range(RANDOM_REQUESTS):
        method, path, body = _request(chance)
        connection = http.client.HTTPConnection("127.0.0.1", registry.port, timeout=60)
        type_ = chance.choice(["application/json", "text/plain", ""])
        connection.request(method, path, body, {"Content-Type": type_, "Authorization": f"Bearer {registry.token}"})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        statuses[response.status] = statuses.get(response.status, 0) + 1
        if response.status >= 500 or (response.status >= 400 and not _is_error(text)):
            bad.append(f"{method} {path}: {response.status} {text[:100]!r}")
    report.figure("random requests by status", dict(sorted(statuses.items())))
    report.claim(f"each is answered or refused cleanly {bad[:3] or ''}", holds=not bad)
    report.claim("both were seen", holds=statuses.get(200, 0) > 50 and sum(statuses.values()) - statuses[200] > 500)


def _request(chance: random.Random) -> tuple[str, str, bytes]:
    path = chance.choice(SHAPES).format(*chance.choices(WORDS, k=2))
    path = "".join(letter if 33 <= ord(letter) < 127 else "%C3%A9" for letter in path) + chance.choice(QUERIES)
    schema = {"schema": _noise(chance), "schemaType": chance.choice(["AVRO", "JSON", "X", None])}
    body = chance.choice([*BODIES, *2 * [json.dumps(schema).encode()]])
    method = chance.choice(["GET", "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
    return method, path, body if method != "HEAD" else b""


def _noise(chance: random.Random) -> str:
    """Something like a schema: a valid one, with a piece cut out or put in."""
    text = chance.choice([A, USES_A, BROKEN, '{"type": "object"}', '"int"', '{"$ref": "#/x"}', "true"])
    at = chance.randrange(len(text))
    return chance.choice([text, text[:at], text[:at] + chance.choice('{}[]",:\\\u0000é') + text[at:], text * 2])


def _is_error(text: bytes) -> bool:
    if not text:  # HEAD has no body
        return True
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and {"error_code", "message"} <= found.keys()


def _without_postgres(report: Report, home: Path, registry: RegistryProcess) -> None:
    """A service whose Postgres goes away answers reads, and says 50001 to changes."""
    report.step("Postgres goes away under a service")
    with running_postgres(home / "pg2") as postgres, fresh_database(postgres) as dsn:
        registry.dsn = dsn
        registry.start()
        known, _ = registry.ask("GET", "/subjects/codes/versions/1")
    try:
        status, body = registry.ask("POST", "/subjects/late/versions", {"schema": A.replace('"R"', '"Late"')})
        report.claim("a change is answered with 50001", holds=(status, body.get("error_code")) == (500, 50001))
        report.claim("reads go on", holds=known == registry.ask("GET", "/subjects/codes/versions/1")[0] == 200)
    finally:
        registry.stop()
