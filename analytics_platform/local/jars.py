"""Kafka's jars: named and hashed by a lock file of ours, fetched by a library that knows the repository."""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from analytics_platform.errors import LocalError

ROOTS = (
    "org.apache.kafka:kafka_2.13:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",  # without it the broker's reasons for dying are dropped
)
DOWNLOADS = 8  # small files, so latency counts more than bandwidth
HEADER = "# coordinates, sha256, bytes; written by analytics_platform.local.jars.write_lock\n"
STAMP = ".verified.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """One jar by its coordinates, and what its bytes must be."""

    group: str
    artifact: str
    version: str
    sha256: str
    size_bytes: int

    @property
    def filename(self) -> str:
        """The name it has in the library folder."""
        return f"{self.artifact}-{self.version}.jar"


# Puts one jar somewhere below the folder and returns its path; raises OSError or RuntimeError when it cannot.
Fetch = Callable[[Jar, Path], Path]
Report = Callable[[str], None]


def locked_jars() -> list[Jar]:
    """Every jar of the broker, in the order of the class path."""
    lines = (files("analytics_platform.local") / "kafka-jars.lock").read_text().splitlines()
    return [_parse(line) for line in lines if line and not line.startswith("#")]


def install_jars(libs: Path, report: Report, *, jars: Iterable[Jar] | None = None, fetch: Fetch | None = None) -> str:
    """The class path of a complete, checked library folder; fetches what is missing or has other bytes.

    Several processes may do this at once: one works, the others wait and find it done. Raises LocalError.
    """
    wanted = locked_jars() if jars is None else list(jars)
    if not _is_verified(libs, wanted):
        with _exclusive(libs):
            missing = [jar for jar in wanted if not _has_bytes(libs / jar.filename, jar)]
            _fetch_all(missing, libs, report, _from_repository if fetch is None else fetch)
            _stamp(libs, wanted)
    return ":".join(str(libs / jar.filename) for jar in wanted)


def write_lock(path: Path, scratch: Path) -> list[Jar]:
    """Resolve the roots and everything they need, and write the lock; needs the network."""
    from jgo.maven import MavenContext  # an extra, and 0.2 s of import that only this and a download need

    context = MavenContext(repo_cache=scratch, local_repos=[])
    found = {}
    for root in ROOTS:  # one by one: together, each root's dependency management would bend the others' versions
        inputs, transitive = context.resolver.resolve([context.create_dependency(root)])
        for dependency in [*inputs, *transitive]:
            found.setdefault((dependency.groupId, dependency.artifactId), dependency.artifact)
    ordered = [_hashed(artifact) for _, artifact in sorted(found.items())]
    path.write_text(HEADER + "".join(f"{_format(jar)}\n" for jar in ordered))
    return ordered


def _hashed(artifact: Any) -> Jar:
    file = artifact.resolve()
    return Jar(
        group=artifact.groupId,
        artifact=artifact.artifactId,
        version=artifact.version,
        sha256=_sha256(file),
        size_bytes=file.stat().st_size,
    )


def _parse(line: str) -> Jar:
    coordinates, sha256, size = line.split()
    group, artifact, version = coordinates.split(":")
    return Jar(group=group, artifact=artifact, version=version, sha256=sha256, size_bytes=int(size))


def _format(jar: Jar) -> str:
    return f"{jar.group}:{jar.artifact}:{jar.version} {jar.sha256} {jar.size_bytes}"


def _from_repository(jar: Jar, folder: Path) -> Path:
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise LocalError("Kafka", "jgo is not installed", "run `make install` (extra `local`)") from error
    # its own cache folder: nothing is read from or written to HOME
    context = MavenContext(repo_cache=folder, local_repos=[], timeout=30)
    return context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()


def _fetch_all(jars: list[Jar], libs: Path, report: Report, fetch: Fetch) -> None:
    if not jars:
        return
    megabytes = sum(jar.size_bytes for jar in jars) / 1e6
    report(f"Kafka: fetching {len(jars)} jars, {megabytes:.0f} MB")
    with (
        tempfile.TemporaryDirectory(prefix=".incoming-", dir=libs) as incoming,
        ThreadPoolExecutor(DOWNLOADS) as pool,
    ):
        tasks = [pool.submit(_fetch_one, jar, Path(incoming) / str(n), libs, fetch) for n, jar in enumerate(jars)]
        try:
            for done, task in enumerate(as_completed(tasks), start=1):
                report(f"Kafka: {done}/{len(jars)} {task.result()}")
        finally:
            pool.shutdown(cancel_futures=True)  # one failure is enough: do not wait for the others' timeouts


def _fetch_one(jar: Jar, incoming: Path, libs: Path, fetch: Fetch) -> str:
    try:
        file = fetch(jar, incoming)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        remedy = f"check the network and run again, or copy the jars of another machine into {libs}"
        raise LocalError("Kafka", f"{jar.filename} could not be fetched ({reason})", remedy) from error
    if not _has_bytes(file, jar):
        remedy = "run again; if it stays, something between here and the repository changes files"
        raise LocalError("Kafka", f"{jar.filename} arrived with other bytes than the lock names", remedy)
    file.replace(libs / jar.filename)
    return jar.filename


def _has_bytes(file: Path, jar: Jar) -> bool:
    return file.is_file() and file.stat().st_size == jar.size_bytes and _sha256(file) == jar.sha256


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _state(libs: Path, jars: list[Jar]) -> dict[str, list[int | str]]:
    """What the stamp remembers: hashes wanted, and the size and time of the files that had them."""
    stats = [(jar, (libs / jar.filename).stat()) for jar in jars]
    return {jar.filename: [jar.sha256, stat.st_size, stat.st_mtime_ns] for jar, stat in stats}


def _is_verified(libs: Path, jars: list[Jar]) -> bool:
    try:
        return json.loads((libs / STAMP).read_text()) == _state(libs, jars)
    except (OSError, ValueError):
        return False


def _stamp(libs: Path, jars: list[Jar]) -> None:
    draft = libs / f"{STAMP}.new"
    draft.write_text(json.dumps(_state(libs, jars)))
    draft.replace(libs / STAMP)


@contextmanager
def _exclusive(libs: Path) -> Generator[None]:
    libs.mkdir(parents=True, exist_ok=True)
    with (libs / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in libs.glob(".incoming-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
