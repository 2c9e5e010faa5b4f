"""Read a page as the person does who has it before them: by its fields, links and words."""

from html.parser import HTMLParser
from typing import Any

INPUTS = {"input", "select", "textarea"}
VOID = {"br", "hr", "img", "input", "link", "meta", "use", "wbr"}


class Element:
    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    def __getitem__(self, attribute: str) -> str:
        return self.attributes[attribute]

    def get(self, attribute: str, default: str = "") -> str:
        return self.attributes.get(attribute, default)

    @property
    def text(self) -> str:
        """The words in it, with single spaces between."""
        return " ".join("".join(self._pieces()).split())

    def all(self, tag: str = "", **attributes: str) -> list["Element"]:
        """Return the elements below with this tag and these attributes; `class_` is one of many."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child._matches(tag, attributes):
                    found.append(child)
                found += child.all(tag, **attributes)
        return found

    def one(self, tag: str = "", **attributes: str) -> "Element":
        """Return the only such element. Raises ValueError when there is none, or another."""
        (found,) = self.all(tag, **attributes)
        return found

    def _matches(self, tag: str, attributes: dict[str, str]) -> bool:
        return tag in ("", self.tag) and all(
            value in self.get("class").split()
            if name == "class_"
            else self.get(name.replace("_", "-"), "\0") == value
            for name, value in attributes.items()
        )

    def _pieces(self) -> list[str]:
        return [
            piece
            for child in self.children
            for piece in ([child] if isinstance(child, str) else child._pieces())
        ]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self.open[-1].tag != tag:
            self.open.pop()
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def page(response: Any) -> Element:
    builder = _Builder()
    builder.feed(response.text)
    return builder.open[0]


def error_at(response: Any, field: str) -> str:
    """Return the words that stand as an error at the form field of this name.

    Found as a screen reader finds them, by what describes the field. "" when there are none.
    """
    shown = page(response)
    described = next(e for e in shown.all(name=field) if e.tag in INPUTS)
    ids = described.get("aria-describedby").split()
    errors = [e for e in shown.all(class_="errorlist") if e.get("id") in ids]
    if errors and described.get("aria-invalid") != "true":
        raise AssertionError(f"{field} has an error and is not marked as invalid")
    return " ".join(error.text for error in errors)
