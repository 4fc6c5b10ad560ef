"""Cost against the number of statements, both logarithmic, as an SVG picture."""

import math
from collections.abc import Mapping

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 110, 40, 60
COLOURS = ("#0b7285", "#e8590c", "#5f3dc4", "#868e96")
_FONT = 'font-family="sans-serif" font-size="13" fill="#343a40"'
TITLE = "CPU time of one decision against the number of statements"


def svg(microseconds: Mapping[str, Mapping[int, float]]) -> str:
    """One line for each engine; the cost in microseconds."""
    sizes = sorted({size for by_size in microseconds.values() for size in by_size})
    costs = [cost for by_size in microseconds.values() for cost in by_size.values()]
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
    widest = math.log10(sizes[-1] / sizes[0])

    def across(size: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(size / sizes[0]) / widest

    def down(cost: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log10(cost) - low) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {_FONT}>',
        f"<title>{TITLE}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="15" font-weight="bold">{TITLE}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 16}" text-anchor="middle">statements</text>',
    ]
    for power in range(low, high + 1):
        y = down(10.0**power)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dee2e6"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_time(power)}</text>')
    for size in sizes:
        x = across(size)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{size:,}</text>')
    for color, (name, by_size) in zip(COLOURS, microseconds.items(), strict=False):
        places = [(across(size), down(cost)) for size, cost in sorted(by_size.items())]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>' for x, y in places]
        x, y = places[-1]
        parts.append(
            f'<text x="{x + 10:.1f}" y="{y + 4:.1f}" fill="{color}" font-weight="bold">{name}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _time(power: int) -> str:
    if power < 0:
        return f"{10.0**power:g} µs"
    return f"{10**power} µs" if power < 3 else f"{10 ** (power - 3)} ms"
