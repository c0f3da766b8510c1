"""Work side by side: each call has a DuckDB connection that no other uses meanwhile."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import Any, Self, TypeVar

import duckdb

from analytics_platform.errors import FencedError
from analytics_platform.lake.duckdb import beside

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class QueryPool:
    """So many calls at once; if that is one, or there is one item, the caller's own thread makes them."""

    def __init__(self, query: duckdb.DuckDBPyConnection, count: int) -> None:
        self._query = query
        self._free: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
        for connection in (query, *(beside(query) for _ in range(count - 1))):
            self._free.put(connection)
        self._threads = ThreadPoolExecutor(count) if count > 1 else None

    def each(
        self,
        call: Callable[[duckdb.DuckDBPyConnection, Item], Result],
        items: Sequence[Item],
        *,
        alone: bool = False,
    ) -> list[Result]:
        """What the call returns for each item, in their order; `alone`: one after the other.

        After an error no further call begins. When those that run have come to an end it is raised, and that we are
        fenced off before any other: who loses the lock has mostly lost its connection as well.
        """
        if self._threads is None or alone or len(items) < 2:
            return [call(self._query, item) for item in items]
        running = [self._threads.submit(self._called, call, item) for item in items]
        wait(running, return_when=FIRST_EXCEPTION)
        begun = [future for future in running if not future.cancel()]
        errors = [error for future in begun if (error := future.exception())]
        for error in errors:
            log.info("pool.failed", extra={"error": type(error).__name__})
        if errors:
            raise next((error for error in errors if isinstance(error, FencedError)), errors[0])
        return [future.result() for future in running]

    def _called(self, call: Callable[[duckdb.DuckDBPyConnection, Item], Any], item: Item) -> Any:
        connection = self._free.get()
        try:
            return call(connection, item)
        finally:
            self._free.put(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
