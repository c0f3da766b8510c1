"""What the tables of persons hold, read by stock readers at every version, and by `ap sql` where it is outcomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from analytics_platform_tests.proofs.instances import DrivenInstance

PLACES = """
    select partition, "offset" as place, 'published' as outcome, id, name from persons
    union all select partition, "offset", outcome, null, null from persons.exceptions
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of a record, whom it is about, and what stands for their name."""

    outcome: str
    subject: int | None
    name: str | None


def places(instance: DrivenInstance) -> dict[str, Found]:
    """Every record that is published or refused, by its coordinates."""
    return {
        f"{row['partition']}/{row['place']}": Found(outcome=row["outcome"], subject=row["id"], name=row["name"])
        for row in instance.told("sql", PLACES)
    }


def ciphertexts_of(root: Path, ids: Mapping[int, str]) -> dict[str, set[str]]:
    """By the name of their key, the names that are encrypted for these people in any file of any version."""
    found: dict[str, set[str]] = {name: set() for name in ids.values()}
    for file in _files(root):
        for text in (text for column in _read(file, ["name"]) for text in column.to_pylist()):
            if text and text.startswith("enc_") and text[4:24] in found:
                found[text[4:24]].add(text)
    return found


def holds(tables: Path, secrets: Sequence[bytes]) -> list[str]:
    """The files below a folder that hold one of these, as raw bytes or, if they are Parquet, in a value."""
    found = []
    for file in sorted(path for path in tables.rglob("*") if path.is_file()):
        is_data = file.suffix == ".parquet" and "_delta_log" not in file.parts
        raw = _bytes(file)
        if any(secret in raw for secret in secrets) or (is_data and _in_a_value(file, secrets)):
            found.append(str(file))
    return found


def files_with(root: Path, name: str, without: str = "") -> list[Path]:
    """The newest version's files with something encrypted under a key, and with nothing under another one."""
    unwanted = [f"enc_{without}".encode()] if without else []
    return [
        file
        for file in _newest(root)
        if _in_a_value(file, [f"enc_{name}".encode()]) and not _in_a_value(file, unwanted)
    ]


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _newest(root: Path) -> list[Path]:
    return [Path(uri.removeprefix("file://")) for uri in DeltaTable(str(root)).file_uris()]


def _files(root: Path) -> list[Path]:
    """All data files that are there, whichever versions they belong to."""
    return sorted(root.glob("*.parquet"))


def _in_a_value(file: Path, secrets: Sequence[bytes]) -> bool:
    for column in _read(file):
        values = column.cast(pa.binary()) if pa.types.is_string(column.type) else column
        if pa.types.is_binary(values.type):
            for secret in secrets:
                if pc.any(pc.match_substring(values, secret)).as_py():
                    return True
    return False


def _read(file: Path, columns: list[str] | None = None) -> list[pa.ChunkedArray]:
    """Its columns; none of a file that was folded into another one meanwhile."""
    try:
        return pq.read_table(file, columns=columns).columns
    except FileNotFoundError:
        return []
