"""Takes known secrets out of what agents write, before it is stored.

A secret is found as it is, and as programs commonly write it: in base64 (also inside something
longer, and in lines), in hexadecimal, percent-encoded, and escaped in JSON. This guards against
accidents. Whoever wants to get a secret out that they hold can always write it in another way.
"""

import base64
import json
import re
import sys
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

MARK = "[secret]"
# What is shorter turns up by chance, in words and numbers: masking it would ruin the output, and
# would tell everybody who reads it what the secret is.
SHORTEST = 6  # characters
# Files hold secrets among much else: parts of them count from this length.
SHORTEST_PART = 16  # characters
# Longer ones are found piece by piece, so that little of a stream is ever held back.
PIECE = 200  # characters

_GRAM = 4  # bytes; a word of memory
_ARMOUR = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")
_PART = re.compile(rf"(?=[^\s\"',;=]*[0-9])(?=[^\s\"',;=]*[A-Za-z])[^\s\"',;=]{{{SHORTEST_PART},}}")
_IN_URL = re.compile("%[0-9A-F]{2}")
_IN_JSON = re.compile(r"(?<=\\u)[0-9a-f]{4}")
# Which characters stay as they are: in Python's quote_plus and quote, in JavaScript's
# encodeURIComponent and encodeURI.
_LEFT_IN_URLS = ("", "/", "!*'()", "!*'();,/?:@&=+$#")


class Scrubber:
    """Finds any number of secrets in a time that depends on the text's length alone.

    Null characters are taken out first: no text is stored with them, and without them a secret
    that they were strewn in would be whole again. Each stream is for one thread at a time.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = frozenset(_bytes(piece) for form in forms for piece in _pieces(form))
        self._shortest = min(map(len, self._forms), default=0)
        self._longest = max(map(len, self._forms), default=0)
        # The text is looked at word by word. From 7 bytes on, each form covers a whole word,
        # wherever it stands; for shorter ones the words between the words are needed, too.
        self._shifts = (0,) if self._shortest >= 2 * _GRAM - 1 else (0, 2)
        self._grams = self._words_of_forms()
        self._heads: dict[bytes, list[bytes]] = defaultdict(list)
        for form in sorted(self._forms):
            self._heads[form[:_GRAM]].append(form)
        self._short_heads = {form[:size] for form in self._forms for size in range(1, _GRAM)}
        self._streams: dict[str, _Held] = {}

    def _words_of_forms(self) -> dict[int, list[tuple[int, int]]]:
        """Return at which offset a word stands in forms of which length, the longest first."""
        found: dict[int, set[tuple[int, int]]] = defaultdict(set)
        for form in self._forms:
            for offset in range(_GRAM // len(self._shifts)):
                word = int.from_bytes(form[offset : offset + _GRAM], sys.byteorder)
                found[word].add((offset, len(form)))
        return {word: sorted(places, key=lambda at: -at[1]) for word, places in found.items()}

    def text(self, text: str) -> str:
        """Return the text with "[secret]" in place of each secret."""
        data = _bytes(text)
        if not self._spans(data):
            return text.replace("\0", "")
        return self._written(data, len(data), None)[0]

    def cut(self, text: str, at: int) -> tuple[str, str]:
        """Return what stands before and after a place in a text, not scrubbed, both without the
        secret that the place is in: a part of one nobody would find any more."""
        before, data = _bytes(text[:at]), _bytes(text)
        place = len(before)
        for start, end in self._spans(data):
            if start < place < end:
                before, data = data[:start], data[end:]
                break
        else:
            data = data[place:]
        return before.decode(errors="surrogatepass"), data.decode(errors="surrogatepass")

    def data(self, value: Any) -> Any:
        """Return a copy of JSON data, its keys and values scrubbed."""
        root = [value]
        waiting: list[Any] = [root]  # copies whose items are not copied yet; no recursion
        while waiting:
            container = waiting.pop()
            items = container.items() if isinstance(container, dict) else enumerate(container)
            for key, inner in list(items):
                container[key] = copy = self._copied(inner)
                if isinstance(copy, dict | list):
                    waiting.append(copy)
        return root[0]

    def _copied(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            copy: dict[str, Any] = {}
            for key, inner in value.items():
                name = shown = self.text(str(key))
                number = 1
                while name in copy:  # two secrets that were keys
                    number += 1
                    name = f"{shown} {number}"
                copy[name] = inner
            return copy
        if isinstance(value, list | tuple):
            return list(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = self.text(str(value))
            return value if shown == str(value) else shown
        return value

    def stream(self, name: str, chunk: str) -> str:
        """Return what can be told of a stream with this chunk added to it.

        What may be the beginning of a secret comes with a later chunk, or with `rest`.
        """
        before = self._streams.pop(name, _NOTHING)
        data = before.data + _bytes(chunk)
        until = self._hold(data)
        written, covered = self._written(data, until, before.covered)
        if until < len(data) or covered is not None:
            self._streams[name] = _Held(data[until:], covered)
        return written

    def rest(self, name: str) -> str:
        """Return what was held back of a stream. The stream ends."""
        before = self._streams.pop(name, _NOTHING)
        return self._written(before.data, len(before.data), before.covered)[0]

    def _written(self, data: bytes, until: int, covered: int | None) -> tuple[str, int | None]:
        """Return the bytes before `until`, scrubbed, and how many after it are masked already.

        That is None where the last thing written is no mark: what comes next may need its own.
        `covered` is this of the bytes before.
        """
        parts, position, marked = [], 0, covered
        for start, end in self._spans(data, covered):
            if start >= until:
                break
            parts.append(data[position:start].decode(errors="surrogatepass"))
            if start > 0 or covered is None:
                parts.append(MARK)
            position = end
            marked = end - until
        if position < until:
            parts.append(data[position:until].decode(errors="surrogatepass"))
            marked = None
        return "".join(parts), marked

    def _spans(self, data: bytes, covered: int | None = None) -> list[tuple[int, int]]:
        """Return where secrets are, in order, those that touch each other together."""
        found = [] if covered is None else [(0, covered)]
        view = memoryview(data)
        for shift in self._shifts if len(data) >= self._shortest > 0 else ():
            words = view[shift : shift + (len(data) - shift) // _GRAM * _GRAM].cast("I")
            if not self._grams.keys().isdisjoint(words):
                for index, word in enumerate(words):
                    for offset, length in self._grams.get(word, ()):
                        start = shift + index * _GRAM - offset
                        end = start + length
                        if start >= 0 and end <= len(data) and data[start:end] in self._forms:
                            found.append((start, end))
        spans: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if spans and start <= spans[-1][1]:
                spans[-1] = spans[-1][0], max(end, spans[-1][1])
            else:
                spans.append((start, end))
        return spans

    def _hold(self, data: bytes) -> int:
        """Return from where on the bytes are the beginning of a form, and not all of it."""
        first = max(0, len(data) - self._longest + 1)
        for start in range(first, len(data) - _GRAM + 1):
            forms = self._heads.get(data[start : start + _GRAM])
            if forms and _begins(forms, data[start:]):
                return start
        for start in range(max(first, len(data) - _GRAM + 1), len(data)):
            if data[start:] in self._short_heads:
                return start
        return len(data)


class _Held:
    """The end of a stream so far. `covered` bytes of it belong to a secret already masked."""

    __slots__ = ("covered", "data")

    def __init__(self, data: bytes, covered: int | None) -> None:
        self.data, self.covered = data, covered


_NOTHING = _Held(b"", None)


def _bytes(text: str) -> bytes:
    return text.replace("\0", "").encode(errors="surrogatepass")


def _begins(forms: Sequence[bytes], text: bytes) -> bool:
    """Whether one of the sorted forms begins with the text and goes on."""
    place = bisect_left(forms, text)
    if place < len(forms) and forms[place] == text:
        place += 1
    return place < len(forms) and forms[place].startswith(text)


def _pieces(form: str) -> Iterator[str]:
    """Yield the form, or its pieces, all of the same length, if it is long."""
    for start in range(0, len(form), PIECE):
        yield form[max(0, min(start, len(form) - PIECE)) :][:PIECE]


def _forms(secret: str) -> set[str]:
    """Return each way in which the secret, and each line of it, may be written."""
    found = set()
    secret = secret.replace("\0", "").strip()
    for plain in {secret, *_parts(secret)}:
        if len(plain) >= SHORTEST:
            found |= {plain, *_in_urls(plain), *_in_json(plain), *_in_base64(plain)}
            hexadecimal = _bytes(plain).hex()
            found |= {hexadecimal, hexadecimal.upper()}
    return found


def _parts(secret: str) -> Iterator[str]:
    """Yield what of a secret of several lines is a secret by itself: every line of a key, long
    lines, and in them long words with a digit, which is what tokens look like."""
    lines = [line.strip() for line in secret.splitlines()]
    in_key = False
    for line in lines if len(lines) > 1 else ():
        if _ARMOUR.fullmatch(line):
            in_key = "BEGIN" in line
        elif in_key or len(line) >= SHORTEST_PART:
            yield line
            yield from _PART.findall(line)


def _in_urls(plain: str) -> Iterator[str]:
    for left in _LEFT_IN_URLS:
        quoted = quote(plain, safe=left, errors="surrogatepass")
        for form in (quoted, _IN_URL.sub(lambda found: found[0].lower(), quoted)):
            yield form
            yield form.replace("%20", "+")


def _in_json(plain: str) -> Iterator[str]:
    """Yield the secret as it stands in a JSON text, and in one that is a string in another."""
    once = {json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
    once |= {form.replace("/", "\\/") for form in once}
    for sign in "&<>":  # as Go writes them
        once |= {form.replace(sign, f"\\u{ord(sign):04x}") for form in once}
    once |= {_IN_JSON.sub(lambda found: found[0].upper(), form) for form in once}
    yield from once
    yield from (json.dumps(form)[1:-1] for form in once)


def _in_base64(plain: str) -> Iterator[str]:
    """Yield the characters that are the secret's alone, for each number of bytes before it."""
    data = _bytes(plain)
    for before in range(3):
        bits = 8 * (before + len(data))
        encoded = base64.b64encode(b"\0" * before + data)[-(-8 * before // 6) : bits // 6].decode()
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")
        if before == 0:
            for width in (64, 76):  # of lines, as openssl and base64 write them
                lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
                yield from (line for line in lines if len(line) >= SHORTEST)
