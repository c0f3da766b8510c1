"""The endpoints as an ASGI application: routes, content types, and errors as clients read them."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from math import ceil
from typing import Any

import psycopg
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from analytics_platform.errors import PlatformError
from analytics_platform.service import about, compatibility, proposals, schemas, settings, subjects
from analytics_platform.service.bodies import LARGEST
from analytics_platform.service.endpoint import Call, Endpoint, Raw
from analytics_platform.service.errors import Code, RequestError, body_of, code_of, status_of
from analytics_platform.service.guard import Guard, StrictHeaders, TooManyError
from analytics_platform.service.limits import Cost
from analytics_platform.service.metrics import Measure, metrics_route
from analytics_platform.service.permission import require_permission
from analytics_platform.service.registry import ServedRegistry

log = logging.getLogger(__name__)
V1 = "application/vnd.schemaregistry.v1+json"
PRODUCED = (V1, "application/vnd.schemaregistry+json", "application/json")
CONSUMED = (*PRODUCED, "application/octet-stream")
BODY_SECONDS = 10
LONGEST_TARGET = 4_000  # bytes of path and query
WILDCARDS = ("*/*", "application/*")
ENDPOINTS = (
    *schemas.ENDPOINTS,
    *subjects.ENDPOINTS,
    *compatibility.ENDPOINTS,
    *settings.ENDPOINTS,
    *proposals.ENDPOINTS,
    *about.ENDPOINTS,
)
Handler = Callable[[Request], Awaitable[Response]]


def application(registry: ServedRegistry, measure: Measure | None = None) -> ASGIApp:
    """The service over that registry, and /metrics if there is what measures."""
    guard = Guard()
    routes = [Route(e.path, _guarded(e, registry, guard), methods=[e.method]) for e in ENDPOINTS]
    document = about.openapi(ENDPOINTS)
    routes.append(Route("/openapi.json", _fixed(document), methods=["GET"]))
    if measure is not None:
        routes.append(metrics_route(measure, guard))
    app = Starlette(
        routes=_by_path(routes),
        exception_handlers={
            HTTPException: _http_error,
            PlatformError: _our_error,
            psycopg.Error: _store_error,
            Exception: _unforeseen,
        },
    )
    app.router.redirect_slashes = False
    return StrictHeaders(RawPaths(app))


class RawPaths:
    """Routes on the path as it was sent: a subject may hold `%2F`, which is no slash."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its path not decoded."""
        if scope["type"] == "http":
            raw = scope.get("raw_path") or scope["path"].encode()
            scope = {**scope, "path": raw.decode("latin-1").partition("?")[0]}
        await self._app(scope, receive, send)


def _by_path(routes: list[Route]) -> list[Route]:
    """Fixed paths before those with parameters: /schemas/types is no id."""
    return sorted(routes, key=lambda route: route.path.count("{"))


def _guarded(endpoint: Endpoint, registry: ServedRegistry, guard: Guard) -> Handler:
    answer, cost = _handler(endpoint, registry), endpoint.cost

    async def handle(request: Request) -> Response:
        guard.require_rate(request.client.host if request.client else "", cost)
        if len(request.url.path) + len(request.url.query) > LONGEST_TARGET:
            raise RequestError(Code.TARGET_TOO_LONG, f"Path and query are longer than {LONGEST_TARGET} bytes")
        return await answer(request) if cost is Cost.MEMORY else await guard.in_time(cost, answer(request))

    return handle


def _handler(endpoint: Endpoint, registry: ServedRegistry) -> Handler:
    async def handle(request: Request) -> Response:
        type_ = _accepted(request)
        call = Call(
            snapshot=registry.snapshot,
            segments=request.path_params,
            query=request.query_params,
            body=await _body(request) if endpoint.method in ("POST", "PUT") else b"",
            authorization=request.headers.get("authorization", ""),
            registry=registry,
        )
        found = await run_in_threadpool(_answered, endpoint, call) if endpoint.takes_time else endpoint.answer(call)
        return _response(found, type_)

    return handle


def _answered(endpoint: Endpoint, call: Call) -> Any:
    require_permission(endpoint, call)
    return endpoint.answer(call)


def _fixed(document: dict[str, Any]) -> Handler:
    async def handle(_: Request) -> Response:
        return _response(document, "application/json")

    return handle


def _accepted(request: Request) -> str:
    """The content type to answer with: the first that the client takes."""
    wanted = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    for type_ in wanted:
        if type_ in WILDCARDS:
            return V1
        if type_ in PRODUCED:
            return type_
    raise RequestError(Code.NOT_ACCEPTABLE, f"HTTP 406 Not Acceptable: this service answers in {', '.join(PRODUCED)}")


async def _body(request: Request) -> bytes:
    """The whole body, which must not be longer than any schema may be."""
    type_ = request.headers.get("content-type", V1).partition(";")[0].strip().lower()
    if type_ not in CONSUMED:
        taken = ", ".join(CONSUMED)
        raise RequestError(Code.UNSUPPORTED_MEDIA_TYPE, f"HTTP 415 Unsupported Media Type: this service takes {taken}")
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                found += chunk
                if len(found) > LARGEST:
                    raise RequestError(Code.TOO_LARGE, f"The body is longer than {LARGEST} bytes")
    except ClientDisconnect:
        raise RequestError(Code.BAD_REQUEST, "The client went away before its body was here") from None
    except TimeoutError:
        raise RequestError(Code.TOO_SLOW, f"The body was not here after {BODY_SECONDS} s") from None
    return bytes(found)


def _response(found: Any, type_: str, status: int = 200) -> Response:
    text = found.text if isinstance(found, Raw) else json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status_code=status, media_type=type_)


def _error(code: int, message: str) -> Response:
    response = _response(body_of(code, message), V1, status_of(code))
    if status_of(code) == Code.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 asks for it
    return response


async def _our_error(_: Request, error: Exception) -> Response:
    code = code_of(error) if isinstance(error, PlatformError) else Code.STORE_FAILED
    response = _error(code, str(error))
    if isinstance(error, TooManyError):
        response.headers["Retry-After"] = str(ceil(error.seconds))
    return response


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = _error(error.status_code, f"HTTP {error.status_code} {error.detail}")
    response.headers.update(error.headers or {})
    return response


async def _store_error(_: Request, __: Exception) -> Response:
    return _error(Code.STORE_FAILED, "Postgres failed; `ap status` shows why")


async def _unforeseen(request: Request, error: Exception) -> Response:
    """Outermost: logged whole, and answered without what the error may quote."""
    log.error("request.failed", exc_info=error, extra={"method": request.method, "path": request.url.path})
    return _error(500, f"HTTP 500: {type(error).__name__}; the service's log has all of it")
