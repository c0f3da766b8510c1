"""A search for canaries in bytes of any kind, in whatever way they may be written there; and through what packs them.

Parquet packs pages, so that its columns are read too; gzip and zstd files are unpacked. Sparse files are read where
they hold something. Reads files; imports nothing of `analytics_platform`.
"""

import base64
import gzip
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_platform_tests.proofs.canaries import Canaries

AROUND, MOST_HITS = 24, 3  # of one needle in one place
PIECE = 64 << 20
PARQUET, GZIP, ZSTD = b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A canary: where, in which form, and what stands around it."""

    place: str
    form: str
    around: bytes

    def __str__(self) -> str:
        return f"{self.place}: {self.form}: {self.around!r}"


@dataclass(slots=True)
class Search:
    """Looks for needles, and counts what it has looked through: by kind of place, how many places and bytes."""

    needles: Mapping[str, bytes]
    places: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    hits: dict[str, list[Hit]] = field(default_factory=dict)

    def look(self, kind: str, place: str, data: bytes) -> list[Hit]:
        """The hits in what a place holds."""
        self.places[kind] += 1
        return self._add(kind, data, place)

    def look_in_file(self, kind: str, path: Path) -> list[Hit]:
        """The hits in a file, as it is and unpacked; one that has gone meanwhile has none."""
        try:
            pieces = list(_pieces(path))
            unpacked = list(_unpacked(path, pieces))
        except FileNotFoundError:
            return []
        self.places[kind] += 1
        found = [hit for piece in pieces for hit in self._add(kind, piece, str(path))]
        return found + [hit for what, data in unpacked for hit in self._add(kind, data, f"{path}, {what}")]

    def _add(self, kind: str, data: bytes, place: str) -> list[Hit]:
        self.sizes[kind] += len(data)
        found = list(hits_in(data, self.needles, place))
        self.hits.setdefault(kind, []).extend(found)
        return found


def search_for(canaries: Canaries) -> Search:
    """A search for all canaries of a run."""
    return Search(needles=needles_of(canaries))


def needles_of(canaries: Canaries) -> dict[str, bytes]:
    """By form, the bytes that stand for what all canaries have in common."""
    digits = canaries.digits
    grouped = [divider.join(digits[at : at + 4] for at in range(0, len(digits), 4)) for divider in (" ", "-", "")]
    found = {f"letters, {form}": needle for form, needle in _forms(canaries.letters)}
    for text, what in zip(grouped, ("spaced", "dashed", "bare"), strict=True):
        found |= {f"digits {what}, {form}": needle for form, needle in _forms(text)}
    return found


def hits_in(data: bytes, needles: Mapping[str, bytes], place: str) -> Iterator[Hit]:
    """Each needle's first hits."""
    for form, needle in needles.items():
        at = data.find(needle)
        for _ in range(MOST_HITS):
            if at < 0:
                break
            around = bytes(data[max(0, at - AROUND) : at + len(needle) + AROUND])
            yield Hit(place=place, form=form, around=around)
            at = data.find(needle, at + len(needle))


def with_statistics(path: Path, columns: Iterable[str]) -> list[str]:
    """Those of the columns of which a Parquet file keeps the least and the greatest value."""
    wanted, found = set(columns), set[str]()
    metadata = pq.read_metadata(path)
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            column = metadata.row_group(group).column(place)
            if column.path_in_schema in wanted and column.statistics is not None and column.statistics.has_min_max:
                found.add(column.path_in_schema)
    return sorted(found)


def _forms(text: str) -> Iterator[tuple[str, bytes]]:
    """The ways to write a text of ASCII characters."""
    raw = text.encode()
    yield "UTF-8", raw
    if text.upper() != text:
        yield "in capitals", text.upper().encode()
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le"):
        yield encoding, text.encode(encoding)
    for shift in range(3):
        yield f"base64 from byte {shift}", _base64_core(raw, shift)
    yield "hexadecimal", raw.hex().encode()
    yield "hexadecimal in capitals", raw.hex().upper().encode()
    yield "spaced hexadecimal", raw.hex(" ").encode()
    yield "URL-quoted", quote(text).encode() if quote(text) != text else _each(text, "%{:02x}")
    yield "URL-quoted throughout", _each(text, "%{:02X}")
    yield "JSON-escaped", _each(text, "\\u{:04x}")
    yield "JSON-escaped in capitals", _each(text, "\\u{:04X}")
    yield "escaped bytes", _each(text, "\\x{:02x}")
    yield "HTML-escaped", _each(text, "&#{};")


def _base64_core(raw: bytes, shift: int) -> bytes:
    """What base64 makes of the text after so many other bytes, without the characters that its neighbours change."""
    encoded = base64.b64encode(b"\0" * shift + raw)
    first = -(-shift * 8 // 6)
    last = (shift + len(raw)) * 8 // 6
    return encoded[first:last]


def _each(text: str, form: str) -> bytes:
    return "".join(form.format(ord(character)) for character in text).encode()


def _pieces(path: Path) -> Iterator[bytes]:
    """A file's bytes without its holes, in pieces that overlap by more than a needle's length."""
    overlap = 1 << 10
    with path.open("rb") as file:
        size, at = os.fstat(file.fileno()).st_size, 0
        while at < size:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                return
            end = min(os.lseek(file.fileno(), start, os.SEEK_HOLE), start + PIECE)
            file.seek(start)
            yield file.read(end - start)
            at = end if end == size or end < start + PIECE else end - overlap


def _unpacked(path: Path, pieces: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """What a packed file holds, by what it is called; a Parquet file that was never finished holds no pages to read."""
    head, tail = (pieces[0][:4], pieces[-1][-4:]) if pieces else (b"", b"")
    if head == tail == PARQUET:
        yield from _columns(path)
    elif head.startswith(GZIP):
        yield "unpacked", gzip.decompress(path.read_bytes())
    elif head == ZSTD:
        yield "unpacked", pa.CompressedInputStream(BytesIO(path.read_bytes()), "zstd").read()


def _columns(path: Path) -> Iterator[tuple[str, bytes]]:
    """The values of each column, one after the other; and what is kept of them beside."""
    with pq.ParquetFile(path) as file:
        yield "its statistics", repr(file.metadata.to_dict()).encode()
        for name, column in zip(file.schema_arrow.names, file.read().columns, strict=True):
            buffers = [buffer for chunk in column.chunks for buffer in chunk.buffers() if buffer is not None]
            yield f"column {name}", b"\n".join(buffer.to_pybytes() for buffer in buffers)
