"""Draws boxes, words and arrows, and gives them as SVG: enough for the figures of docs/paging.md."""

from html import escape

_STYLE = (
    "text{font:13px ui-monospace,monospace;fill:#222}.small{font-size:11px;fill:#555}.head{font-weight:bold}"
    ".box{fill:#f4f4f1;stroke:#777}.field{fill:#e3edf7;stroke:#5b7fa6}.hit{fill:#fbe3b5;stroke:#b07d1a}"
    ".page{fill:#dcefdc;stroke:#5a8f5a}.none{fill:#fff;stroke:#999;stroke-dasharray:4 3}"
    ".arrow{fill:none;stroke:#444;stroke-width:1.4;marker-end:url(#tip)}"
)
_TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse">'
    '<path d="M0 0 8 4 0 8z" fill="#444"/></marker>'
)


class Drawing:
    """A picture of so many units. `title` is what somebody hears who does not see it."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
            f"<title>{escape(title)}</title><defs>{_TIP}<style>{_STYLE}</style></defs>",
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
        ]

    def box(self, x: float, y: float, width: float, height: float, kind: str, words: str = "") -> None:
        """Draws a box, with words in its middle. `kind` is a class of the style: box, field, hit, page or none."""
        self._parts.append(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>')
        if words:
            self.words(x + width / 2, y + height / 2 + 4.5, words, anchor="middle")

    def words(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        """Writes a line of text. `kind` is small, head or nothing; `anchor` says which part of it is at x."""
        self._parts.append(f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>')

    def arrow(self, *points: tuple[float, float]) -> None:
        """Draws a line through the points, with a tip at the last."""
        path = " ".join(f"{x:g} {y:g}" for x, y in points)
        self._parts.append(f'<path class="arrow" d="M{path}"/>')

    def text(self) -> str:
        """Returns the file."""
        return "\n".join([*self._parts, "</svg>"]) + "\n"
