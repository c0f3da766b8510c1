"""What a format must offer so that values in its bodies can be replaced; and the rows that were understood. Pure."""

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

from analytics_platform.ingest.splice import Longs

NewValues = Mapping[str, pa.Array | None]  # by field; None for one that is dropped


class Understood(Protocol):
    """Bodies whose fields were found."""

    rows: Longs  # which of the bodies, ascending
    values: Mapping[str, pa.Array]  # by field that was asked for: texts or whole numbers, null where there is none

    def rebuilt(self, new: NewValues) -> pa.BinaryArray:
        """The bodies with those values in the place of theirs, row for row of `rows`; the prefix stays."""
        ...
