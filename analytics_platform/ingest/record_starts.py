"""Where each record of many record batches starts. Pure.

A record's place is known only after the one before it, so batches are walked in step: the n-th record of every batch in
one NumPy operation. Few large batches are cut into more lanes: what looks like a record further on, and is followed by
what looks like the next one, is taken for a start, and must be met exactly by the lane before it.
"""

import numpy as np

PADDING = 16  # the longest varint may be read before its end is checked
LANES_IN_STEP = 32  # with fewer, plain Python is faster than NumPy's fixed cost per operation
RECORDS_PER_LANE = 128  # a batch with many more is cut
SEEN_BYTES = 768  # looked at for each cut; where no record starts in them none is made
LEAST_CUT = 4 * RECORDS_PER_LANE


class Cursor:
    """A place in each of many records; whatever is read, it stays between where it is and `end`."""

    __slots__ = ("at", "broken", "buffer", "end")

    def __init__(self, buffer: np.ndarray, at: np.ndarray, end: np.ndarray) -> None:
        self.buffer, self.at, self.end = buffer, at.copy(), end
        self.broken = np.zeros(len(at), bool)

    def varint(self, most_bytes: int = 5) -> np.ndarray:
        """The zigzag varint at each place; moves behind it."""
        byte = self.buffer[self.at]
        value = (byte & 127).astype(np.uint64)
        self.at += 1
        more = np.flatnonzero(byte > 127)
        for index in range(1, most_bytes):
            if not more.size:
                break
            byte = self.buffer[self.at[more]]
            value[more] |= (byte & 127).astype(np.uint64) << np.uint64(7 * index)
            self.at[more] += 1
            more = more[byte > 127]
        self.broken[more] = True
        self._stay()
        return (value >> np.uint64(1)).view(np.int64) ^ -(value & np.uint64(1)).view(np.int64)

    def skip(self, sizes: np.ndarray | int) -> np.ndarray:
        """Move over so many bytes (a negative size is none); returns where they start."""
        start = self.at.copy()
        self.at += np.maximum(sizes, 0)
        self._stay()
        return start

    def _stay(self) -> None:
        self.broken |= self.at > self.end
        np.minimum(self.at, self.end, out=self.at)


def record_starts(buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Where each record starts, batch after batch; places behind a lying length are the batch's end."""
    cuts = cuts_of(buffer, starts, ends, counts)
    if cuts is not None:
        froms, of_batch, lane_counts = cuts
        found = walk_in_step(buffer, froms, ends[of_batch], lane_counts)
        last = found[np.cumsum(lane_counts) - 1]
        inner = np.flatnonzero(of_batch[1:] == of_batch[:-1])
        if np.array_equal(_after(buffer, last[inner], ends[of_batch[inner]]), froms[inner + 1]):
            return found
    return walk_in_step(buffer, starts, ends, counts)


def walk_in_step(buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The same, lane by lane, without cutting any."""
    slots = np.cumsum(counts) - counts
    found = np.empty(int(counts.sum()), np.int64)
    order = np.argsort(-counts, kind="stable")
    at, end, slot, count = starts[order], ends[order], slots[order], counts[order]
    step, active = 0, len(order)
    while True:
        while active and count[active - 1] <= step:
            active -= 1
        if active < LANES_IN_STEP:
            break
        found[slot[:active] + step] = at[:active]
        at[:active] = _after(buffer, at[:active], end[:active])
        step += 1
    data = buffer.data
    for lane in range(active):
        first, last = slot[lane] + step, slot[lane] + count[lane]
        found[first:last] = _walk(data, int(at[lane]), int(end[lane]), int(last - first))
    return found


def _after(buffer: np.ndarray, at: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Where the next record starts; lengths of one and two bytes without a branch, longer ones by a cursor."""
    low, high = buffer[at].astype(np.int64), buffer[at + 1].astype(np.int64)
    two = low >> 7
    size = (low & 127) | ((high & 127) << 7) * two
    after = np.minimum(at + 1 + two + (size >> 1), end)
    long = np.flatnonzero(two & (high >> 7))
    if long.size:
        cursor = Cursor(buffer, at[long], end[long])
        cursor.skip(cursor.varint())
        after[long] = cursor.at
    return after


def _walk(data: memoryview, at: int, end: int, count: int) -> list[int]:
    places = []
    for _ in range(count):
        places.append(at)
        low = data[at]
        if low < 128:
            at += 1 + (low >> 1)
        elif (high := data[at + 1]) < 128:
            at += 2 + ((low & 127 | high << 7) >> 1)
        else:
            size, at = read_varint(data, at)
            at += max(size, 0)
        if at > end:
            at = end
    return places


def cuts_of(
    buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """More lanes than batches, in order: where each starts, in which batch, and with how many records; None for none.

    A record's offset in its batch is its number, unless the log was compacted: then the lanes do not meet.
    """
    pieces = np.where((counts >= LEAST_CUT) & (ends > starts), counts // RECORDS_PER_LANE, 1)
    of_cut = np.repeat(np.arange(len(counts)), pieces - 1)
    if not of_cut.size:
        return None
    number = np.arange(len(of_cut)) - np.repeat(np.cumsum(pieces - 1) - (pieces - 1), pieces - 1) + 1
    near = starts[of_cut] + (ends - starts)[of_cut] * number // pieces[of_cut]
    places, numbers, is_found = _starts_near(buffer, near, ends[of_cut])
    froms = np.concatenate([starts, places[is_found]])
    of_batch = np.concatenate([np.arange(len(counts)), of_cut[is_found]])
    first = np.concatenate([np.zeros(len(counts), np.int64), numbers[is_found]])
    froms, which = np.unique(froms, return_index=True)
    of_batch, first = of_batch[which], first[which]
    is_last = np.append(of_batch[1:] != of_batch[:-1], True)
    lane_counts = np.where(is_last, counts[of_batch], np.append(first[1:], 0)) - first
    if len(froms) < len(counts) or (lane_counts <= 0).any():
        return None
    return froms, of_batch, lane_counts


def _starts_near(buffer: np.ndarray, near: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Soon behind each place, the first that looks like the start of a record; its number; whether one does."""
    seen = buffer[np.minimum(near[:, None] + np.arange(2, SEEN_BYTES), len(buffer) - PADDING)]
    which, behind = np.nonzero(seen == 0)  # attributes
    body, end = near[which] + 2 + behind, ends[which]  # behind the length, of two bytes: other records are not cut at
    low, high = buffer[body - 2].astype(np.int64), buffer[body - 1].astype(np.int64)
    looks = np.flatnonzero((low > 127) & (high > 0) & (high < 128) & (body < end))
    which, body, end = which[looks], body[looks], end[looks]
    number, is_whole = _number(Cursor(buffer, body, end))
    following = Cursor(buffer, np.minimum(body + (((low & 127) | (high << 7)) >> 1)[looks], end), end)
    is_start = is_whole & (number > 0) & (following.varint() > 0)
    is_start &= (buffer[following.at] == 0) & (following.at < end)
    next_number, is_whole = _number(following)
    is_start &= is_whole & (next_number == number + 1)
    which, first = np.unique(which[is_start], return_index=True)
    places, numbers, is_found = near.copy(), np.zeros(len(near), np.int64), np.zeros(len(near), bool)
    places[which], numbers[which] = body[is_start][first] - 2, number[is_start][first]
    is_found[which] = True
    return places, numbers, is_found


def _number(cursor: Cursor) -> tuple[np.ndarray, np.ndarray]:
    """The number of the record whose attributes are at the cursor, and whether its bytes are whole so far."""
    cursor.skip(1)
    cursor.varint(10)  # when it was written
    return cursor.varint(), ~cursor.broken


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """One zigzag varint and the place behind it, at most ten bytes on."""
    byte = data[at]
    value, shift, at = byte & 127, 7, at + 1
    while byte > 127 and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
    return (value >> 1) ^ -(value & 1), at
