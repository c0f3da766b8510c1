"""The README's section on cost, out of the report of a bench. Pure."""

FIRST, LAST = "<!-- bench: python -m analytics_platform_tests.bench --readme -->", "<!-- /bench -->"
DETAILS = ("| growth |", "`")  # what follows the figures and the sides stays in the report


def with_section(readme: str, page: str) -> str:
    """The README with the section between its two marks; ValueError if it does not have them.

    Args:
        readme: its text.
        page: `bench/report.md`.
    """
    before, first, rest = readme.partition(FIRST)
    _, last, after = rest.partition(LAST)
    if not first or not last:
        raise ValueError(f"README.md has no line {FIRST!r}, or no {LAST!r} after it")
    return "\n".join([before + first, "", *_section(page), "", last + after])


def _section(page: str) -> list[str]:
    lines = page.strip().splitlines()
    end = next((number for number, line in enumerate(lines) if line.startswith(DETAILS)), len(lines))
    return [
        "## What it costs",
        "",
        "![CPU seconds per million events, by side](bench/chart.svg)",
        "",
        *"\n".join(lines[:end]).strip().splitlines(),
        "",
        "All of it, with the raw runs: [bench/report.md](bench/report.md). `make bench` measures it anew.",
    ]
