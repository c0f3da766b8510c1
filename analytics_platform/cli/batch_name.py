"""How people name batches on the command line."""

from typing import Any

import click

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import BatchId


class BatchName(click.ParamType):
    """A batch as people name it: bids/7."""

    name = "stream/number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> BatchId:
        """The batch."""
        try:
            return BatchId.named(str(value))
        except DeclarationError as error:
            self.fail(str(error), param, ctx)
