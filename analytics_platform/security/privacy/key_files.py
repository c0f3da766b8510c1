"""Keys in a folder that only its owner can enter, apart from tables, Postgres and their backups. Touches files.

`wrapping.json` holds the wrapping keys by number, `keys.db` (SQLite) all others under the newest of them. Nothing is
remembered from call to call: other processes create and erase too.
"""

import json
import os
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from analytics_platform.errors import KeyStoreError
from analytics_platform.security.privacy.ciphers import KEY_BYTES
from analytics_platform.security.privacy.keys import WRAPPING_BYTES, wrapped
from analytics_platform.security.private_file import write_private

WRAPPING, STORE = "wrapping.json", "keys.db"
ENVIRONMENT = "environment"
ASKED_AT_ONCE = 10_000
WAIT_SECONDS = 30.0
TABLES = """
    create table if not exists subject (id text primary key, wrapped blob, wrapping integer not null) without rowid;
    create table if not exists named (name text primary key, wrapped blob, wrapping integer not null) without rowid;
"""


class KeyFiles:
    """The provider for one machine; its folder is made when the first key is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def environment(self) -> bytes:
        """The key of all tokens of this environment."""
        return self._named(ENVIRONMENT, create=True) or b""

    def of_subjects(self, subjects: Iterable[str], *, create: bool) -> dict[str, bytes | None]:
        """By subject its key, None for those that were erased."""
        wanted = sorted(set(subjects))
        with self._open() as store:
            found = self._there(store, wanted)
            missing = [subject for subject in wanted if subject not in found]
            return found | self._created(store, missing) if create and missing else found

    def of_day(self, stream: str, day: str, *, create: bool) -> bytes | None:
        """The key of a stream's sealed records of a day."""
        return self._named(_day(stream, day), create=create)

    def expire(self, stream: str, before: str) -> list[str]:
        """Destroy those of earlier days."""
        first, last = _day(stream, ""), _day(stream, before)
        with self._open() as store:
            condition = "name >= ? and name < ? and wrapped is not null"
            names = store.execute(f"select name from named where {condition}", [first, last]).fetchall()
            store.execute(f"update named set wrapped = null where {condition}", [first, last])
        return sorted(name.removeprefix(first) for (name,) in names)

    def erase(self, subject: str) -> bool:
        """Destroy a person's key; its place stays taken, so that they get none again."""
        with self._open() as store:
            had = store.execute("select 1 from subject where id = ? and wrapped is not null", [subject]).fetchone()
            store.execute("insert or replace into subject values (?, null, 0)", [subject])
        return had is not None

    def erased(self) -> list[str]:
        """Everybody who was."""
        with self._open() as store:
            return [id_ for (id_,) in store.execute("select id from subject where wrapped is null order by id")]

    def rotate(self) -> int:
        """Put all keys under a new wrapping key and destroy the old ones; no data is written. Returns its number.

        Repeatable after a crash at any point: a key says which wrapping key it is under, and the old ones go last.
        """
        with self._open() as store:
            known = self._wrapping()
            newest = max(known) + 1
            self._keep({**known, newest: os.urandom(WRAPPING_BYTES)})
            ids = [id_ for (id_,) in store.execute("select id from subject where wrapped is not null")]
            for some in _slices(ids):
                keys = [key or b"" for key in self._there(store, some).values()]
                self._write(store, some, keys)
            names = [name for (name,) in store.execute("select name from named where wrapped is not null")]
            for name in names:
                self._write_named(store, name, self._read_named(store, name) or b"")
        with self._open():  # only now that the store is committed, and never beside another's rotation
            self._keep({number: key for number, key in self._wrapping().items() if number >= newest})
        return newest

    def _named(self, name: str, *, create: bool) -> bytes | None:
        with self._open() as store:
            there = store.execute("select 1 from named where name = ?", [name]).fetchone()
            if not there and create:
                self._write_named(store, name, os.urandom(KEY_BYTES))
            return self._read_named(store, name)

    def _read_named(self, store: sqlite3.Connection, name: str) -> bytes | None:
        row = store.execute("select wrapped, wrapping from named where name = ?", [name]).fetchone()
        if row is None or row[0] is None:
            return None
        try:
            return AESSIV(self._wrapping()[row[1]]).decrypt(row[0], [name.encode()])
        except (InvalidTag, KeyError):
            raise KeyStoreError(str(self.folder), f"{WRAPPING} does not open {STORE}") from None

    def _write_named(self, store: sqlite3.Connection, name: str, key: bytes) -> None:
        known = self._wrapping()
        held = AESSIV(known[max(known)]).encrypt(key, [name.encode()])
        store.execute("insert or replace into named values (?, ?, ?)", [name, held, max(known)])

    def _there(self, store: sqlite3.Connection, subjects: Sequence[str]) -> dict[str, bytes | None]:
        self._require_right(store)
        known, found = self._wrapping(), dict[str, bytes | None]()
        for some in _slices(subjects):
            marks = ",".join("?" * len(some))
            rows = store.execute(f"select id, wrapped, wrapping from subject where id in ({marks})", some).fetchall()
            found |= {id_: None for id_, held, _ in rows if held is None}
            for number in {number for _, held, number in rows if held is not None}:
                of_it = [(id_, held) for id_, held, under in rows if under == number and held is not None]
                keys = wrapped(known[number], [id_ for id_, _ in of_it], b"".join(held for _, held in of_it))
                found |= {id_: keys[at : at + KEY_BYTES] for (id_, _), at in zip(of_it, _places(keys), strict=True)}
        return {subject: found[subject] for subject in subjects if subject in found}

    def _created(self, store: sqlite3.Connection, subjects: Sequence[str]) -> dict[str, bytes | None]:
        random = os.urandom(KEY_BYTES * len(subjects))
        keys = [random[at : at + KEY_BYTES] for at in _places(random)]
        self._write(store, subjects, keys)
        return dict(zip(subjects, keys, strict=True))

    def _write(self, store: sqlite3.Connection, subjects: Sequence[str], keys: Sequence[bytes]) -> None:
        known = self._wrapping()
        held = wrapped(known[max(known)], subjects, b"".join(keys))
        rows = zip(subjects, (held[at : at + KEY_BYTES] for at in _places(held)), strict=True)
        store.executemany(f"insert or replace into subject values (?, ?, {max(known)})", rows)

    def _require_right(self, store: sqlite3.Connection) -> None:
        """Whether the wrapping key is the one that the keys are under: it would unwrap anything to something."""
        if self._read_named(store, ENVIRONMENT) is None:
            self._write_named(store, ENVIRONMENT, os.urandom(KEY_BYTES))

    def _wrapping(self) -> dict[int, bytes]:
        place = self.folder / WRAPPING
        try:
            return {int(number): b64decode(key) for number, key in json.loads(place.read_text()).items()}
        except FileNotFoundError:
            raise KeyStoreError(str(self.folder), f"{WRAPPING} is not there") from None
        except (OSError, ValueError) as error:
            raise KeyStoreError(str(self.folder), f"{WRAPPING} cannot be read ({type(error).__name__})") from None

    def _keep(self, wrapping: dict[int, bytes]) -> None:
        text = json.dumps({str(number): b64encode(key).decode() for number, key in wrapping.items()})
        write_private(self.folder / WRAPPING, text.encode())

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """The store, in one transaction of ours alone; what is deleted in it is overwritten."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self.folder / STORE
        os.close(os.open(place, os.O_RDWR | os.O_CREAT, 0o600))
        store = sqlite3.connect(place, timeout=WAIT_SECONDS, isolation_level=None)
        try:
            store.execute("pragma secure_delete = on")
            store.execute("begin immediate")
            if not (self.folder / WRAPPING).exists():
                self._begin(store)
            yield store
            store.execute("commit")
        except sqlite3.Error as error:
            raise KeyStoreError(str(self.folder), f"{STORE}: {error}") from error
        finally:
            store.close()

    def _begin(self, store: sqlite3.Connection) -> None:
        if store.execute("select 1 from sqlite_master").fetchone():  # its keys would all be lost by a new wrapping key
            raise KeyStoreError(str(self.folder), f"{WRAPPING} is not there, and {STORE} is")
        for statement in filter(str.strip, TABLES.split(";")):
            store.execute(statement)
        self._keep({1: os.urandom(WRAPPING_BYTES)})


def _day(stream: str, day: str) -> str:
    return f"sealed/{stream}/{day}"


def _places(keys: bytes) -> range:
    return range(0, len(keys), KEY_BYTES)


def _slices(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(items), ASKED_AT_ONCE):
        yield items[first : first + ASKED_AT_ONCE]
