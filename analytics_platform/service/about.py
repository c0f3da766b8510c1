"""Endpoints about the service itself: who it is, how it is, and what it answers to (OpenAPI). Pure."""

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from analytics_platform.service.bodies import page_in
from analytics_platform.service.endpoint import Call, Endpoint
from analytics_platform.service.errors import Code, status_of

PACKAGE = "analytics-platform"
CLUSTER = "analytics-platform"  # there is one registry for one Postgres
ANY_TIME = (Code.BAD_REQUEST, Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED, Code.NOT_ACCEPTABLE, Code.STORE_FAILED)
GUARDED = (Code.TARGET_TOO_LONG, Code.TOO_MANY, Code.TOO_SLOW)
REFUSED = (Code.UNAUTHORIZED, Code.FORBIDDEN)
WITH_BODY = (Code.TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE)


def root(_: Call) -> Any:
    """Clients ask whether somebody is there."""
    return {}


def health(call: Call) -> Any:
    """Whether reads are answered, and how much is known."""
    snapshot = call.snapshot
    return {
        "status": "up",
        "change": snapshot.change,
        "schemas": len(snapshot.texts),
        "subjects": len(snapshot.subjects),
    }


def contexts(call: Call) -> Any:
    """The default one only."""
    return ["."][page_in(call.query)]


def cluster(_: Call) -> Any:
    """Which registry this is."""
    return {"id": CLUSTER, "scope": {"path": [], "clusters": {"schema-registry-cluster": CLUSTER}}}


def release(_: Call) -> Any:
    """Which release this is."""
    return {"version": version(PACKAGE), "commitId": ""}


def openapi(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The endpoints as an OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Schema registry", "version": version(PACKAGE), "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": {"Error": ERROR}},
    }


ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "integer"}, "message": {"type": "string"}},
}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    in_path = [_parameter(name, "path") for name in re.findall(r"{(\w+)}", endpoint.path)]
    in_query = [_parameter(name, "query") for name in endpoint.query]
    takes_body = endpoint.method in ("POST", "PUT")
    refused = REFUSED if endpoint.action else ()
    codes = sorted({*endpoint.codes, *ANY_TIME, *GUARDED, *(WITH_BODY if takes_body else ()), *refused})
    errors: dict[int, list[Code]] = {}
    for code in codes:
        errors.setdefault(status_of(code), []).append(code)
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
    return {
        "summary": endpoint.summary,
        "operationId": _operation_id(endpoint),
        "parameters": in_path + in_query,
        **(body if takes_body and endpoint.path != "/" else {}),
        "responses": {"200": {"description": "Done."}, **{str(s): _errors(of) for s, of in sorted(errors.items())}},
    }


def _operation_id(endpoint: Endpoint) -> str:
    """Unique, and a name in any language that clients are generated in."""
    return re.sub(r"\W+", "_", f"{endpoint.method.lower()}{endpoint.path}").strip("_")


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}


def _errors(codes: Sequence[Code]) -> dict[str, Any]:
    listed = ", ".join(f"{int(code)} {code.name.lower().replace('_', ' ')}" for code in codes)
    return {
        "description": listed,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


ENDPOINTS = (
    Endpoint(method="GET", path="/", answer=root, summary="Whether somebody is there"),
    Endpoint(method="POST", path="/", answer=root, summary="The same, for clients that post"),
    Endpoint(method="GET", path="/health", answer=health, summary="Whether reads are answered"),
    Endpoint(method="GET", path="/contexts", answer=contexts, summary="The contexts: one", query=("offset", "limit")),
    Endpoint(method="GET", path="/v1/metadata/id", answer=cluster, summary="Which registry this is"),
    Endpoint(method="GET", path="/v1/metadata/version", answer=release, summary="Which release this is"),
)
