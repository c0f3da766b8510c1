"""How people name batches on the command line."""

from typing import Any

import click


class BatchName(click.ParamType):
    """A batch as people name it: bids/7."""

    name = "stream/number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Stream and number."""
        stream, _, number = str(value).partition("/")
        if not stream or not number.isdigit():
            self.fail(f"{value!r} names no batch; say bids/7", param, ctx)
        return stream, int(number)
