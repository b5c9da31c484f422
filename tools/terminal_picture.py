"""A picture of a terminal as SVG: text that can be selected; no script, no font of its own."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

CHARACTER, LINE = 8.43, 19  # pixels of a monospaced letter of 14 pixels; textLength holds every font to it
MARGIN, BAR = 16, 34
PROMPT, OUTPUT, FAINT, GOOD = "#7ee787", "#e6edf3", "#8b949e", "#7ee787"


def picture(
    lines: Sequence[str], *, title: str, good: Sequence[str] = (), faint: Sequence[str] = ()
) -> str:
    """The SVG for lines of a session; those that begin with `$ ` or `# ` are typed.

    title: for the bar, and for those who cannot see it. good, faint: a line with one of these texts is set
    in green, or in grey.
    """
    columns = max(map(len, lines))
    width = round(columns * CHARACTER + 2 * MARGIN)
    height = BAR + len(lines) * LINE + MARGIN
    rows = [
        _row(line, BAR + LINE * (number + 1) - 5, _colour(line, good, faint))
        for number, line in enumerate(lines)
        if line.strip()
    ]
    dots = "".join(
        f'<circle cx="{20 + 20 * number}" cy="17" r="6" fill="{colour}"/>'
        for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">
<title>{escape(title)}</title>
<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>
{dots}
<g style="font: 14px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace">
{chr(10).join(rows)}
</g>
</svg>
"""


def _colour(line: str, good: Sequence[str], faint: Sequence[str]) -> str:
    if line.startswith(("$ ", "# ")):
        return PROMPT
    if any(text in line for text in good):
        return GOOD
    return FAINT if any(text in line for text in faint) else OUTPUT


def _row(line: str, y: int, colour: str) -> str:
    # Spaces side by side are one in SVG, unless one of them does not break.
    text = line.lstrip(" ").replace("  ", "\N{NO-BREAK SPACE} ")
    x = MARGIN + (len(line) - len(text)) * CHARACTER
    length = f'textLength="{len(text) * CHARACTER:.1f}"'
    return f'<text x="{x:.1f}" y="{y}" fill="{colour}" {length}>{escape(text)}</text>'
