"""Ours, the whole path: plan, land, decode, rules, dedup, reconciliation, two models, publication."""

from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.parts import Parts
from analytics_platform_tests.bench.sides.ours import last_hour, opened
from analytics_platform_tests.bench.sides.stage import perform, task


def main() -> None:
    """Drain the backlog in one lease."""
    given = task()
    with opened(given) as parts:
        perform(given, lambda: _drain(parts))


def _drain(parts: Parts) -> int:
    done = run_lease(parts, "bench", last_hour())
    rows = sum(manifest.rows for manifest in done.manifests)
    (stream,) = parts.pipeline.streams
    written = sum(parts.tables.by_name[f"{stream.name}/{layer}"].rows() for layer in ("silver", "exceptions"))
    if rows != written or not all(manifest.is_reconciled for manifest in done.manifests):
        raise RuntimeError(f"{rows} rows landed, {written} in silver and exceptions")
    return rows


if __name__ == "__main__":
    main()
