"""The truth about what was produced: Parquet files in one folder, never read by the pipeline.

    bids-00000012.part       being written; worthless after a crash
    bids-00000012.pending    complete, its records are about to be sent or on their way
    bids-00000012.parquet    every record was acknowledged
    bids-00000000-00000239.merged    many of those in one file, which are about to be deleted
    bids-00000000-00000239.parquet   and have been

So a record may be on the topic and its truth still pending, never the other way round, and never without truth:
`recovery` settles what a killed producer left behind.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_platform.local.auction_house.plan import Kind

KEPT_SECONDS = 24 * 3600
MERGED_AT = 240  # small files; at four chunks a second, one merged file a minute
NAME = re.compile(r"(?P<kind>[a-z]+)-(?P<first>\d{8})(-(?P<last>\d{8}))?\.(?P<state>part|pending|merged|parquet)")
METADATA = b"auction_house"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the sequence had come with a chunk: what a successor goes on from."""

    chunk: int
    next_number: int
    next_order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthFile:
    """A file of the folder, as its name describes it."""

    path: Path
    kind: Kind
    first: int
    last: int
    state: str


@dataclass(slots=True)
class TruthFolder:
    """Writes truth files; one producer process per folder."""

    path: Path
    merges: bool = False
    unmerged: dict[Kind, list[tuple[int, pa.Table]]] = field(default_factory=dict)

    def files(self) -> list[TruthFile]:
        """Every truth file in any state, by kind and chunk."""
        return sorted(_files(self.path), key=lambda file: (file.kind, file.first))

    def newest_progress(self) -> Progress | None:
        """How far the producer before this one had come; None in a new folder."""
        newest = {file.kind: file for file in self.files() if file.state in ("pending", "parquet")}
        found = [_progress(file.path) for file in newest.values()]
        return max(found, key=lambda progress: progress.chunk, default=None)

    def write_pending(self, truth: Mapping[Kind, pa.Table], progress: Progress) -> None:
        """Put the truth of a chunk on disk before any record of it is sent."""
        metadata = {METADATA: json.dumps(asdict(progress)).encode()}
        for kind, table in truth.items():
            if table.num_rows:
                pending = self.path / f"{kind}-{progress.chunk:08}.pending"
                write_whole(table.replace_schema_metadata(metadata), pending)

    def settle(self, truth: Mapping[Kind, pa.Table], progress: Progress) -> None:
        """Every record of the chunk was acknowledged: its truth counts from now on."""
        for kind, table in truth.items():
            if table.num_rows:
                pending = self.path / f"{kind}-{progress.chunk:08}.pending"
                pending.rename(pending.with_suffix(".parquet"))
                if self.merges:
                    self._remember(kind, table, progress)

    def drop_old(self, now: float) -> None:
        """Delete settled files older than a day, but never the newest of a stream."""
        for kind in Kind:
            settled = [file for file in self.files() if file.kind == kind and file.state == "parquet"]
            for file in settled[:-1]:
                if file.path.stat().st_mtime < now - KEPT_SECONDS:
                    file.path.unlink()

    def _remember(self, kind: Kind, table: pa.Table, progress: Progress) -> None:
        waiting = self.unmerged.setdefault(kind, [])
        waiting.append((progress.chunk, table))
        if len(waiting) < MERGED_AT:
            return
        metadata = {METADATA: json.dumps(asdict(progress)).encode()}
        merged = self.path / f"{kind}-{waiting[0][0]:08}-{progress.chunk:08}.merged"
        plain = pa.concat_tables([plain_texts(part) for _, part in waiting])
        write_whole(plain.replace_schema_metadata(metadata), merged, is_lasting=True)
        self.unmerged[kind] = []
        finish_merge(self, merged)


def finish_merge(folder: TruthFolder, merged: Path) -> None:
    """Delete the files that a merged one holds, then let it count; repeatable after a crash at any point."""
    whole = describe(merged)
    for file in folder.files():
        inside = file.kind == whole.kind and whole.first <= file.first <= file.last <= whole.last
        if inside and file.state == "parquet":
            file.path.unlink()
    merged.rename(merged.with_suffix(".parquet"))


def write_whole(table: pa.Table, path: Path, *, is_lasting: bool = False) -> None:
    """Write a Parquet file so that under its own name it is complete; what lasts for a day is made small."""
    part = path.with_suffix(".part")
    if is_lasting:
        texts = [f.name for f in table.schema if f.type == pa.string() and f.name != "event_id"]
        pq.write_table(table, part, compression="zstd", compression_level=1, use_dictionary=texts)
    else:
        table = _without_large_dictionaries(table)
        texts = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
        pq.write_table(table, part, compression="none", use_dictionary=texts, write_statistics=False)
    part.rename(path)


def _without_large_dictionaries(table: pa.Table) -> pa.Table:
    """A dictionary is written whole: with fewer rows than entries, plain texts are smaller."""
    dictionaries = [table[f.name].chunk(0).dictionary for f in table.schema if pa.types.is_dictionary(f.type)]
    return plain_texts(table) if any(len(found) > table.num_rows for found in dictionaries) else table


def plain_texts(table: pa.Table) -> pa.Table:
    """The table with dictionary-encoded columns as texts: cheaper for few rows."""
    types = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in table.schema]
    names = zip(table.schema.names, types, strict=True)
    return table.cast(pa.schema(list(names), metadata=table.schema.metadata))


def describe(path: Path) -> TruthFile:
    """What a truth file's name says; KeyError if it is none."""
    match = NAME.fullmatch(path.name)
    if match is None:
        raise KeyError(path.name)
    first = int(match["first"])
    last = int(match["last"] or first)
    return TruthFile(path=path, kind=Kind(match["kind"]), first=first, last=last, state=match["state"])


def _files(folder: Path) -> Iterator[TruthFile]:
    for path in folder.iterdir():
        with suppress(KeyError, ValueError):
            yield describe(path)


def _progress(path: Path) -> Progress:
    return Progress(**json.loads(pq.read_schema(path).metadata[METADATA]))
