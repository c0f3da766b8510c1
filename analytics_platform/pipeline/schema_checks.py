"""The checks of schemas over a batch's rows: counts from the rows, columns from silver's table. Writes nothing."""

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.facts import CheckResult
from analytics_platform.ingest.decode import reader_columns
from analytics_platform.lake.shapes import ROW_COLUMNS, Layer
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Stream
from analytics_platform.registry.checks import WrittenIn, schema_checks

UNKNOWN = "unknown schema "
OURS = {column.name for column in ROW_COLUMNS}


def check_schemas(stream: Stream, rows: pa.Table, parts: Parts) -> tuple[CheckResult, ...]:
    """What each rule says of a batch; `rows` are decoded, with `reason`."""
    schemas = parts.schemas[stream.name]
    wanted = reader_columns(schemas.reader).names
    there = [name for name in parts.tables.of(stream.name, Layer.SILVER).columns_after() if name not in OURS]
    return schema_checks(stream, schemas, _written_in(rows, schemas.deprecated), (there, wanted))


def _written_in(rows: pa.Table, deprecated: frozenset[int]) -> WrittenIn:
    strangers = pc.starts_with(rows["reason"], UNKNOWN)
    left = pc.is_in(rows["schema_id"], pa.array(sorted(deprecated), rows["schema_id"].type))
    return WrittenIn(rows=rows.num_rows, unknown=_count(strangers), deprecated=_count(left))


def _count(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)
