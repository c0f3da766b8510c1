"""Finding the texts that DuckDB takes for JSON and that are none: NaN, Infinity, a comma too many. Pure."""

import json
import re

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 18  # the temporaries of a block stay in the processor's caches
OVERLAP = 2  # what is looked for has three bytes
LOWER_BIT = np.uint8(0x20)  # makes letters lower case, and ] into }
LETTER_A, LETTER_F, LETTER_I, LETTER_N, CLOSING = np.frombuffer(b"afin}", np.uint8)
COMMA, SPACE = np.frombuffer(b", ", np.uint8)
EXACT = re.compile(r"[:,\[]\s*[-+]?(nan|inf)|,\s*[\]}]", re.IGNORECASE)  # may still lie inside a string


def falsely_accepted(texts: pa.StringArray) -> NDArray[np.bool_]:
    """Which texts are no JSON although DuckDB reads them; nothing is said of texts that it does not read."""
    refused = np.zeros(len(texts), dtype=np.bool_)
    for row in _suspects(texts).tolist():
        text = texts[row].as_py()
        refused[row] = text is not None and EXACT.search(text) is not None and not _is_json(text)
    return refused


def _suspects(texts: pa.StringArray) -> NDArray[np.int64]:
    """The rows in which `nan`, `inf`, or a bracket after a comma or white space occurs; few, and quick to find."""
    _, offsets, data = texts.buffers()
    if len(texts) == 0 or data is None:
        return np.zeros(0, dtype=np.int64)
    bounds = np.frombuffer(offsets, np.int32, len(texts) + 1, 4 * texts.offset)
    source = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]]
    places = [
        start + _places(source[start : start + BLOCK_BYTES + OVERLAP]) for start in range(0, source.size, BLOCK_BYTES)
    ]
    found = np.concatenate(places) if places else np.zeros(0, dtype=np.int64)
    return np.unique(np.searchsorted(bounds[1:] - bounds[0], found, side="right"))


def _places(block: NDArray[np.uint8]) -> NDArray[np.int64]:
    lower = block | LOWER_BIT
    is_n = lower == LETTER_N
    not_a_number = is_n[:-2] & (lower[1:-1] == LETTER_A) & is_n[2:]
    infinity = (lower[:-2] == LETTER_I) & is_n[1:-1] & (lower[2:] == LETTER_F)
    before = block[:-1]
    closed_late = (lower[1:] == CLOSING) & ((before == COMMA) | (before <= SPACE))
    return np.concatenate([np.flatnonzero(not_a_number | infinity), np.flatnonzero(closed_late)])


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
