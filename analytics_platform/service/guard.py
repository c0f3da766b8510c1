"""What stands before every endpoint: rate, time and size of requests, and headers of every answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analytics_platform.service.errors import Code, RequestError
from analytics_platform.service.limits import LIMITS, Buckets, Cost

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class StrictHeaders:
    """Adds to every answer what tells browsers to keep, frame and guess nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, strict if scope["type"] == "http" else send)


class Guard:
    """One client's requests, counted; `clock` never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets, self._clock = Buckets(), clock

    def require_rate(self, client: str, cost: Cost) -> None:
        """Raise TooManyError for a client that asks too often."""
        if seconds := self._buckets.wait(client, cost, self._clock()):
            raise TooManyError(seconds)

    async def in_time(self, cost: Cost, work: Awaitable[Response]) -> Response:
        """What comes of the work; raises RequestError where it takes too long. Whatever it does then goes on."""
        seconds = LIMITS[cost].seconds
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(work)), seconds)
        except TimeoutError:
            problem = f"It took longer than {seconds:.0f} s; whether a change was made is not known: ask again"
            raise RequestError(Code.TOO_SLOW, problem) from None


class TooManyError(RequestError):
    """A client that asks too often; it may ask again after some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(Code.TOO_MANY, f"Too many requests; ask again in {seconds:.1f} s")
        self.seconds = seconds
