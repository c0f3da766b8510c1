"""Work side by side: each call has a DuckDB connection that no other uses meanwhile."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue
from types import TracebackType
from typing import Self, TypeVar

import duckdb

from analytics_platform.lake.duckdb import beside

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

    def each(self, call: Callable[[duckdb.DuckDBPyConnection, Item], Result], items: Sequence[Item]) -> list[Result]:
        """What the call returns for each item, in their order; raises the first error, when all have come to an end."""
        if self._threads is None or len(items) < 2:
            return [call(self._query, item) for item in items]

        def with_connection(item: Item) -> Result:
            connection = self._free.get()
            try:
                return call(connection, item)
            finally:
                self._free.put(connection)

        running = [self._threads.submit(with_connection, item) for item in items]
        wait(running)
        return [future.result() for future in running]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._threads is not None:
            self._threads.shutdown()
