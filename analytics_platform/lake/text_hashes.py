"""64-bit hashes of texts and binaries, for whole columns at once: the innermost loop of content hashes. Pure.

A value is mixed in words of eight bytes, little-endian, the last filled up with zeros; its length comes first. The
mixer is SplitMix64's finaliser (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
WORD = 8
BLOCK = 8192  # values hashed together: their words stay in the processor's caches
MOST_PADDING = 3  # so many bytes are padded for each that is there; a block of one long and many short values is not
MOST_BYTES = 256 << 20
NOTHING = np.zeros(0, np.uint64)


def text_hashes(array: pa.StringArray | pa.BinaryArray) -> np.ndarray:
    """One uint64 a value, shape (n,); a null hashes as if it were empty."""
    count = len(array)
    if not count:
        return NOTHING
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int32)[array.offset : array.offset + count + 1].astype(np.int64)
    lengths = np.diff(bounds)
    if array.null_count:
        lengths = np.where(np.asarray(pc.is_null(array)), 0, lengths)
    source = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    hashes = np.empty(count, np.uint64)
    for at in range(0, count, BLOCK):
        block = slice(at, at + BLOCK)
        state = mix(lengths[block].astype(np.uint64) + GOLDEN)
        hashes[block] = mix(_mixed(state, source, bounds[at : at + BLOCK + 1], lengths[block]))
    return hashes


def _mixed(state: np.ndarray, data: np.ndarray, bounds: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The states after all words of the values, which stand between the bounds; `lengths` are what of each counts."""
    if not lengths.any():
        return state
    width = -(-int(np.diff(bounds).max()) // WORD) * WORD
    room = width * len(lengths)
    if room > min(MOST_BYTES, MOST_PADDING * int(lengths.sum()) + WORD * len(lengths)):
        return _ragged(state, data[bounds[0] : bounds[-1]], bounds[:-1] - bounds[0], lengths)
    places = (bounds - bounds[0]).astype(np.int32)
    buffers = [None, pa.py_buffer(places), pa.py_buffer(data[bounds[0] : bounds[-1]])]
    return _padded(state, pa.Array.from_buffers(pa.string(), len(lengths), buffers), lengths, width)


def _padded(state: np.ndarray, values: pa.StringArray, lengths: np.ndarray, width: int) -> np.ndarray:
    """Word by word for all values, each filled up with zeros to the same width: much faster than lane by lane.

    Arrow's function is meant for text, and pads bytes.
    """
    filled = pc.call_function("ascii_rpad", [values], pc.PadOptions(width, "\0"))
    words = np.frombuffer(filled.buffers()[2], "<u8", len(values) * width // WORD).reshape(len(values), -1)
    shortest, longest = int(lengths.min()), int(lengths.max())
    for begins in range(0, longest, WORD):
        mixed = step(state ^ words[:, begins // WORD])
        state = mixed if begins < shortest else np.where(lengths > begins, mixed, state)
    return state


def _ragged(state: np.ndarray, data: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Lane by lane, where a few values are much longer than the others."""
    padded = np.concatenate([data, np.zeros(WORD, np.uint8)])
    words = np.ndarray(shape=(len(data) + 1,), dtype="<u8", buffer=padded.data, strides=(1,))
    order = np.argsort(-lengths, kind="stable")  # lanes that still have bytes stay in front
    starts, lengths, lanes = starts[order], lengths[order], state[order]
    position, active = 0, int(np.count_nonzero(lengths > 0))
    while active:
        word = _words_at(words, starts[:active] + position, lengths[:active] - position)
        lanes[:active] = step(lanes[:active] ^ word)
        position += WORD
        active = int(np.searchsorted(-lengths[:active], -position, side="left"))
    found = np.empty_like(state)
    found[order] = lanes
    return found


def _words_at(words: np.ndarray, starts: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Little-endian words at those places; bytes beyond a value's end count as zero."""
    found = words[starts]
    if left[-1] >= WORD:  # lanes are sorted: the last is the shortest
        return found
    spare = np.maximum(WORD - left, 0).astype(np.uint64) * np.uint64(8)
    return (found << spare) >> spare


def step(values: np.ndarray) -> np.ndarray:
    """One round for one word, in place: cheaper than the finaliser, which closes every hash."""
    values *= MULTIPLIER_1
    values ^= values >> np.uint64(29)
    return values


def mix(values: np.ndarray) -> np.ndarray:
    """The finaliser."""
    values = (values ^ (values >> np.uint64(30))) * MULTIPLIER_1
    values = (values ^ (values >> np.uint64(27))) * MULTIPLIER_2
    return values ^ (values >> np.uint64(31))
