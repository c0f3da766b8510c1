"""Protection once, at landing, by what a batch was planned with; and reading back what was landed so.

Whatever is decided about personal data later, a batch that is landed again becomes the same bytes, and is read by the
schemas that these bytes are written in.
"""

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import KeyStoreError, UnprotectedError
from analytics_platform.facts import Batch, StreamSchemas
from analytics_platform.ingest.decode import MALFORMED, decode, reader_columns
from analytics_platform.ingest.protect import protect
from analytics_platform.ingest.protected_schema import protected_schemas
from analytics_platform.ingest.records import int_array
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.pinned import under_pins
from analytics_platform.product import FromField, Stream
from analytics_platform.product.privacy import Privacy
from analytics_platform.registry.privacy import rules_of
from analytics_platform.security.privacy.ciphers import SEALED, sealed_on, unseal
from analytics_platform.security.privacy.keys import KeyProvider
from analytics_platform.security.privacy.protector import Protector

log = logging.getLogger(__name__)
Protection = Callable[[pa.Table], pa.Table]
DAY = "%Y%m%d"
UNPROTECTABLE = f"{MALFORMED}its fields cannot be told apart"
FAULTS = (pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError)


def protection_of(batch: Batch, parts: Parts) -> Protection | None:
    """What turns fetched records of the batch into what bronze may hold; None where nothing of it is protected."""
    stream = under_pins(batch.id.stream, batch.pins, parts)
    if stream.privacy is None:
        return None
    guard = _Guard(stream=stream, privacy=stream.privacy, schemas=parts.schemas[stream.name], keys=_keys(parts))

    def protected(records: pa.Table) -> pa.Table:
        with _quoting_nothing(batch):
            return guard.protect(records, batch)

    return protected


def decode_landed(
    bronze: pa.Table, batches: Sequence[Batch], schemas: StreamSchemas, topic_id: UUID, parts: Parts
) -> pa.Table:
    """Rows of bronze, ordered by batch, decoded as the batches were landed: see `ingest.decode`."""
    stream = parts.pipeline.stream(batches[0].id.stream)
    privacies = {pins: under_pins(stream.name, pins, parts).privacy for pins in {batch.pins for batch in batches}}
    if not any(privacies.values()):
        return decode(bronze.drop_columns(["batch"]), stream, schemas, topic_id)
    found = []
    for privacy, alike in groupby(batches, key=lambda batch: privacies[batch.pins]):
        rows = _of(list(alike), bronze)
        if privacy is None:
            found.append(decode(rows.drop_columns(["batch"]), stream, schemas, topic_id))
        else:
            guard = _Guard(stream=stream, privacy=privacy, schemas=schemas, keys=_keys(parts))
            with _quoting_nothing(batches[0]):
                found.append(guard.decode(rows.drop_columns(["batch"]), topic_id))
    return pa.concat_tables(found)


def expire_sealed(parts: Parts) -> None:
    """Destroy the keys of sealed records whose time is over."""
    for stream in parts.pipeline.streams:
        if stream.privacy is not None:
            before = parts.now() - stream.privacy.sealed_for
            if days := _keys(parts).expire(stream.name, f"{before:{DAY}}"):
                log.info("sealed.expired", extra={"stream": stream.name, "days": days})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guard:
    """A stream's protection as it was at some time."""

    stream: Stream
    privacy: Privacy
    schemas: StreamSchemas
    keys: KeyProvider

    def protect(self, records: pa.Table, batch: Batch) -> pa.Table:
        """The records as bronze may hold them."""
        return self._protected(records, f"{batch.hour:{DAY}}")

    def decode(self, records: pa.Table, topic_id: UUID) -> pa.Table:
        """The rows; what was sealed is opened for it, in memory, and protected if it is understood by now."""
        rules = {id_: rules_of(schema, self.privacy) for id_, schema in self.schemas.writers.items()}
        schemas = protected_schemas(self.schemas, {id_: rule.dropped for id_, rule in rules.items()})
        sealed = np.flatnonzero(pc.starts_with(records["value"], SEALED).fill_null(False))
        if not sealed.size:
            return decode(records, self.stream, schemas, topic_id)
        records, still = self._opened(records, sealed)
        return _without_values(decode(records, self.stream, schemas, topic_id), still, self.stream, schemas)

    def _protected(self, records: pa.Table, day: str) -> pa.Table:
        rules = {id_: rules_of(schema, self.privacy) for id_, schema in self.schemas.writers.items()}
        return protect(records, self.stream, self.schemas, rules, Protector(self.keys, self.stream.name, day))

    def _opened(self, records: pa.Table, sealed: np.ndarray) -> tuple[pa.Table, np.ndarray]:
        """The records with the sealed ones protected as far as that is possible now; and which are not.

        What is not understood stands there in the clear, so that it can be said what is wrong with it.
        """
        values = records["value"].combine_chunks()
        some = records.take(int_array(sealed))
        keys = self._keys_of_days(some["value"].to_pylist())
        if not keys:
            return records, sealed
        clear = pa.array([_unsealed(value, keys, self.stream.name) for value in some["value"].to_pylist()], pa.binary())
        place = some.schema.get_field_index("value")
        tried = self._protected(some.set_column(place, "value", clear), max(keys))["value"].combine_chunks()
        not_yet = np.asarray(pc.starts_with(tried, SEALED).fill_null(False))
        replaced = pc.if_else(pa.array(not_yet), clear, tried)
        order = np.arange(len(values))
        order[sealed] = len(values) + np.arange(len(sealed))
        values = pa.concat_arrays([values, replaced]).take(int_array(order))
        return records.set_column(records.schema.get_field_index("value"), "value", values), sealed[not_yet]

    def _keys_of_days(self, values: Sequence[bytes]) -> dict[str, bytes]:
        """By day, the keys that have not expired."""
        days = {day for value in values if (day := sealed_on(value))}
        found = {day: self.keys.of_day(self.stream.name, day, create=False) for day in days}
        return {day: key for day, key in found.items() if key is not None}


def _unsealed(value: bytes, keys: Mapping[str, bytes], place: str) -> bytes:
    """What a sealed value holds; itself where its key has expired."""
    key = keys.get(sealed_on(value) or "")
    return value if key is None else unseal(value, key, place) or value


def _without_values(rows: pa.Table, still: np.ndarray, stream: Stream, schemas: StreamSchemas) -> pa.Table:
    """The rows with nothing of what could not be protected, but what is wrong with it."""
    if not still.size:
        return rows
    is_sealed = np.zeros(rows.num_rows, np.bool_)
    is_sealed[still] = True
    kept = int_array(np.arange(rows.num_rows), absent=is_sealed)
    emptied = [*reader_columns(schemas.reader).names, *(["event_id"] if isinstance(stream.identity, FromField) else [])]
    for name in emptied:
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), rows[name].take(kept))
    reason = pc.if_else(pc.and_(pa.array(is_sealed), pc.is_null(rows["reason"])), UNPROTECTABLE, rows["reason"])
    return rows.set_column(rows.schema.get_field_index("reason"), rows.schema.field("reason"), reason)


@contextmanager
def _quoting_nothing(batch: Batch) -> Generator[None]:
    """What goes wrong beside values in the clear says no more than its kind: its text may quote one."""
    try:
        yield
    except FAULTS as error:
        raise UnprotectedError(str(batch.id), type(error).__name__) from None


def _of(batches: Sequence[Batch], bronze: pa.Table) -> pa.Table:
    """Their rows of bronze."""
    bounds = [batches[0].id.number, batches[-1].id.number + 1]
    first, end = np.searchsorted(np.asarray(bronze["batch"]), bounds)
    return bronze.slice(int(first), int(end - first))


def _keys(parts: Parts) -> KeyProvider:
    if parts.keys is None:
        raise KeyStoreError("none", "no provider of keys is given to who lands")
    return parts.keys
