"""A bar chart as SVG text. Pure."""

from collections.abc import Mapping
from html import escape

WIDTH, ROW, LEFT, RIGHT, TOP = 760, 34, 300, 70, 46
OURS, THEIRS, INK = "#2563eb", "#9ca3af", "#111827"


def chart(cpu: Mapping[str, float]) -> str:
    """A bar for each side, in the order given: CPU seconds per million events."""
    most = max(cpu.values(), default=1.0)
    height = TOP + ROW * len(cpu) + 12
    bars = [_bar(place, name, seconds, most) for place, (name, seconds) in enumerate(cpu.items())]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="16" y="26" font-size="15" fill="{INK}">CPU seconds per million events</text>',
            *bars,
            "</svg>\n",
        ]
    )


def _bar(place: int, name: str, seconds: float, most: float) -> str:
    y = TOP + ROW * place
    width = (WIDTH - LEFT - RIGHT) * seconds / most
    colour = OURS if name.startswith("ours") else THEIRS
    return (
        f'<text x="{LEFT - 10}" y="{y + 17}" font-size="13" fill="{INK}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{LEFT}" y="{y + 3}" width="{width:.1f}" height="20" rx="3" fill="{colour}"/>'
        f'<text x="{LEFT + width + 8:.1f}" y="{y + 17}" font-size="13" fill="{INK}">{seconds:.2f}</text>'
    )
