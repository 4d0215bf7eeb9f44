"""The rows that have targets as an SVG bar chart: how far beyond its target, or short of it."""

import html
import math

from glancefs_bench.rows import Row, figure

_WIDTH, _LABELS, _RIGHT, _LINE, _TOP = 1080, 500, 190, 22, 46
_DECADES = 1.0  # drawn to each side of the target
_STYLE = ("text{font:12px sans-serif;fill:#222}.h{font-weight:bold}.m{fill:#2a7f62}.s{fill:#c0504d}"
          ".t{stroke:#222}.g{stroke:#ddd}.d{fill:#777}")


def _x(share: float) -> float:
    """Logarithmic: twice as good is as far right as half as good is left."""
    plot = _WIDTH - _LABELS - _RIGHT
    decades = max(-_DECADES, min(_DECADES, math.log10(max(share, 1e-9))))
    return _LABELS + plot * (decades + _DECADES) / (2 * _DECADES)


def _text(x: float, y: float, text: str, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {extra}>{html.escape(text)}</text>'


def _bar(row: Row, y: float) -> list[str]:
    parts = [_text(_LABELS - 10, y + 12, f"{row.group}: {row.work}", 'text-anchor="end"')]
    if row.measured is None:
        return parts + [_text(_x(1) + 6, y + 12, "not measured", 'class="d"')]
    begin, end = sorted((_x(1), _x(row.target.share(row.measured))))
    kind = "m" if row.verdict == "met" else "s"
    parts.append(f'<rect class="{kind}" x="{begin:.1f}" y="{y + 2:.1f}" '
                 f'width="{max(end - begin, 1):.1f}" height="13"/>')
    parts.append(_text(_WIDTH - _RIGHT + 10, y + 12,
                       f"{figure(row.measured, row.unit)}  (target {row.target})"))
    return parts


def svg(rows: list[Row], machine: str) -> str:
    bars = [row for row in rows if row.target]
    bottom = _TOP + _LINE * len(bars)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{bottom + 12}" '
             f'viewBox="0 0 {_WIDTH} {bottom + 12}">',
             f"<title>{html.escape(machine)}</title>", f"<style>{_STYLE}</style>",
             f'<rect width="{_WIDTH}" height="{bottom + 12}" fill="#fff"/>',
             _text(10, 18, "glancefs against its targets", 'class="h"')]
    for share, label in ((0.1, "÷ 10"), (0.5, "÷ 2"), (1, "target"), (2, "× 2"), (10, "× 10")):
        kind = "t" if share == 1 else "g"
        parts.append(f'<line class="{kind}" x1="{_x(share):.1f}" y1="{_TOP - 6}" '
                     f'x2="{_x(share):.1f}" y2="{bottom}"/>')
        parts.append(_text(_x(share), _TOP - 10, label, 'text-anchor="middle"'))
    for index, row in enumerate(bars):
        parts += _bar(row, _TOP + _LINE * index)
    return "\n".join(parts + ["</svg>"]) + "\n"
