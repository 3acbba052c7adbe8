"""The precision-yield plot as an SVG text: what share of pairs is right when only the surest are kept."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from ranking.matrices import Floats

WIDTH, HEIGHT, MARGIN, LEGEND = 420, 320, 48, 130
COLORS = ("#9467bd", "#8c564b", "#2ca02c", "#bcbd22", "#7f7f7f", "#e377c2", "#17becf", "#ff7f0e", "#d62728")


def yield_plot(curves: Mapping[str, Mapping[str, Floats]], highlighted: str) -> str:
    """One panel a setting, one line a ranker; x: % of pairs kept (surest first), y: precision."""
    panels = [
        f'<g transform="translate({place * (WIDTH + LEGEND)},0)">{_panel(name, lines, highlighted)}</g>'
        for place, (name, lines) in enumerate(curves.items())
    ]
    width = len(curves) * (WIDTH + LEGEND)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(panels)}</svg>\n"
    )


def _panel(title: str, lines: Mapping[str, Floats], highlighted: str) -> str:
    parts = [f'<text x="{WIDTH / 2}" y="18" text-anchor="middle">precision by yield, {escape(title)}</text>']
    for tenth in range(0, 11, 2):
        x, y = _place(tenth / 10, tenth / 10)
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - 28}" text-anchor="middle">{tenth * 10} %</text>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4:.0f}" text-anchor="end">{tenth / 10:.1f}</text>')
        parts.append(f'<path d="M{MARGIN},{y:.1f}H{WIDTH - 12}" stroke="#ddd" fill="none"/>')
    for place, (name, curve) in enumerate(lines.items()):
        parts.append(_line(name, curve, COLORS[place % len(COLORS)], place, bold=name == highlighted))
    return "".join(parts)


def _line(name: str, curve: Floats, color: str, place: int, *, bold: bool) -> str:
    points = " ".join(
        "{:.1f},{:.1f}".format(*_place((index + 1) / len(curve), float(value)))
        for index, value in enumerate(curve)
        if index >= len(curve) // 50  # the first few pairs are noise
    )
    width = 3 if bold else 1.2
    y = 40 + 16 * place
    return (
        f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}"/>'
        f'<path d="M{WIDTH - 4},{y}h18" stroke="{color}" stroke-width="{width}"/>'
        f'<text x="{WIDTH + 18}" y="{y + 4}">{escape(name)}</text>'
    )


def _place(share: float, precision: float) -> tuple[float, float]:
    return MARGIN + share * (WIDTH - 12 - MARGIN), HEIGHT - 44 - precision * (HEIGHT - 80)
