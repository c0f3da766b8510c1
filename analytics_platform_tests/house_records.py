"""Records of the auction house as a reader would hand them out, without a broker; some broken on purpose."""

import struct

import numpy as np
import pyarrow as pa

from analytics_platform.ingest.records import RECORDS_SCHEMA, int_array
from analytics_platform.local.auction_house.bodies import decimal_text, encode_values
from analytics_platform.local.auction_house.chance import Chance
from analytics_platform.local.auction_house.faults import Fault
from analytics_platform.local.auction_house.fields import fields_of, key_ids
from analytics_platform.local.auction_house.headers import event_ids, traceparents
from analytics_platform.local.auction_house.plan import EPOCH, Kind, Rows

FIRST_MS = 1_790_000_000_000
ONE_OF = {Kind.PERSONS: (EPOCH, 0), Kind.BIDS: (1, 0), Kind.AUCTIONS: (1, 0)}


def house_records(kind, count, schema_id, *, is_json=False, faults=(), seed=7):
    """So many records of a kind, one partition; the first ones have those faults."""
    step, first = ONE_OF[kind]
    numbers = np.arange(count, dtype=np.int64) * step + first + EPOCH * 100
    drawn = np.array([*faults, *[Fault.NONE] * (count - len(faults))], np.uint8)
    times = FIRST_MS + np.arange(count)
    rows = Rows(numbers=numbers, times_ms=times, faults=drawn, order=np.arange(count))
    chance = Chance(seed)
    values = encode_values(fields_of(kind, rows, chance, 100.0), drawn, schema_id, is_json=is_json)
    headers = _headers(event_ids(numbers, times, chance), traceparents(numbers, chance))
    columns = {
        "partition": pa.repeat(pa.scalar(0, pa.int32()), count),
        "offset": int_array(np.arange(count)),
        "broker_at": int_array(times * 1000).view(pa.timestamp("us", "UTC")),
        "key": decimal_text(key_ids(kind, numbers, chance)),
        "value": values,
        "headers": headers,
    }
    return pa.table(columns, schema=RECORDS_SCHEMA)


def one_record(value, *, key=None, headers=(), schema_id=None):
    """A single record of any bytes; in Confluent's wire format if an id is given."""
    body = value if schema_id is None else b"\0" + struct.pack(">i", schema_id) + value
    row = {"partition": 0, "offset": 0, "broker_at": FIRST_MS * 1000, "key": key, "value": body}
    row["headers"] = [{"key": name, "value": content} for name, content in headers]
    return pa.Table.from_pylist([row], schema=RECORDS_SCHEMA)


def _headers(ids, traces):
    flat = pa.StructArray.from_arrays(
        [
            pa.array(["event_id", "traceparent"] * len(ids)),
            pa.concat_arrays([ids, traces]).take(int_array(np.arange(2 * len(ids)).reshape(2, -1).T.reshape(-1))),
        ],
        names=["key", "value"],
    )
    return pa.ListArray.from_arrays(pa.array(np.arange(len(ids) + 1) * 2, pa.int32()), flat)
