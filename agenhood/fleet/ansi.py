"""Colours that a program gave its output, as classes of the console's own style sheet.

Only what paints (ECMA-48's SGR) is read. All else that a terminal would obey is taken out, as
anywhere else; so is what hides text, and backgrounds, which could paint text in its own colour.
Colours beyond a terminal's sixteen keep the text's own.
"""

import re
from dataclasses import dataclass, field

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from agenhood.fleet.hostile import readable

COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
STYLES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "struck"}
ENDS = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("struck",)}
EXTENDED = (38, 48, 58)  # a colour by number or by its parts follows

_PAINT = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]*)m")


def coloured(text: str) -> SafeString:
    """Return the text as markup: escaped, with a span for each piece that is painted."""
    pieces = _PAINT.split(text.replace("\r\n", "\n"))
    brush = _Brush()
    markup = []
    for position, piece in enumerate(pieces):
        if position % 2:
            brush.obey(piece)
        elif shown := escape(readable(piece)):
            classes = brush.classes()
            markup.append(f'<span class="{classes}">{shown}</span>' if classes else shown)
    return mark_safe("".join(markup))  # noqa: S308 - each piece is escaped, each class is ours


@dataclass(slots=True)
class _Brush:
    colour: str = ""
    styles: set[str] = field(default_factory=set)

    def classes(self) -> str:
        names = [self.colour] if self.colour else []
        return " ".join(f"ansi-{name}" for name in [*names, *sorted(self.styles)])

    def obey(self, parameters: str) -> None:
        # What has parts of its own ("4:3"), few programs write: it is passed over.
        codes = [
            int(code or 0) for code in parameters.split(";") if len(code) < 4 and ":" not in code
        ]
        while codes:
            code = codes.pop(0)
            if code in EXTENDED:
                self._extended(code, codes)
            else:
                self._plain(code)

    def _extended(self, code: int, codes: list[int]) -> None:
        kind = codes.pop(0) if codes else 0
        taken = codes[: {5: 1, 2: 3}.get(kind, 0)]
        del codes[: len(taken)]
        if code == 38:
            is_basic = kind == 5 and taken and taken[0] < 16
            self.colour = COLOURS[taken[0] % 8] if is_basic else ""

    def _plain(self, code: int) -> None:
        if code == 0:
            self.colour = ""
            self.styles.clear()
        elif code in STYLES:
            self.styles.add(STYLES[code])
        elif code in ENDS:
            self.styles.difference_update(ENDS[code])
        elif 30 <= code <= 37 or 90 <= code <= 97:
            self.colour = COLOURS[code % 10]
        elif code == 39:
            self.colour = ""
