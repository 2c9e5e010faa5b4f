"""Known secrets, in every way that they may be written, and nothing else."""

import base64
import json
import string
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agenhood.runtime.scrub import MARK, PIECE, Scrubber

TOKEN = "ghp_Zk3+vN/8 q\"W=7é~x\\y'&<Ω>"
KEY_LINES = [
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
    "QyNTUxOQAAACDIUV8mR0cJ+q2Xb0hZ2sJ1rB/oXGZ7o1zYJ5QyQmZ5uAAAAJi0Vv8xtFb/",
    "Yw9kLQ==",
]
KEY = "\n".join(
    ["-----BEGIN OPENSSH PRIVATE KEY-----", *KEY_LINES, "-----END OPENSSH PRIVATE KEY-----", ""]
)


def in_base64(secret: str, before: int, *, alphabet: bytes = b"+/") -> str:
    """Return the characters that stand for nothing but the secret, after so many other bytes."""
    encoded = base64.b64encode(b"\xa5" * before + secret.encode(), alphabet).decode().rstrip("=")
    bits = 8 * (before + len(secret.encode()))
    return encoded[-(-8 * before // 6) : bits // 6]


WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "base64": lambda secret: in_base64(secret, 0),
    "base64 after one byte": lambda secret: in_base64(secret, 1),
    "base64 after two bytes": lambda secret: in_base64(secret, 2),
    "url-safe base64": lambda secret: in_base64(secret, 0, alphabet=b"-_"),
    "url-safe base64 after one byte": lambda secret: in_base64(secret, 1, alphabet=b"-_"),
    "url-safe base64 after two bytes": lambda secret: in_base64(secret, 2, alphabet=b"-_"),
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "percent-encoded but slashes": quote,
    "percent-encoded, small letters": lambda secret: _small(quote(secret, safe="")),
    "of a form": quote_plus,
    "of a form, small letters": lambda secret: _small(quote_plus(secret)),
    "encodeURIComponent": lambda secret: quote(secret, safe="!*'()"),
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json, not ASCII alone": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "json in json": lambda secret: json.dumps(json.dumps(secret))[3:-3],
    "hexadecimal": lambda secret: secret.encode().hex(),
    "hexadecimal, capitals": lambda secret: secret.encode().hex().upper(),
}


def _small(quoted: str) -> str:
    parts = quoted.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def test_a_cut_through_a_secret_leaves_nothing_of_it():
    text = f"ab{KEY}yz\0 {TOKEN}"
    scrubber = Scrubber([TOKEN, KEY])
    whole = scrubber.text(text)
    for at in range(len(text) + 1):
        before, after = scrubber.cut(text, at)
        shown = scrubber.text(before) + scrubber.text(after)
        assert shown == whole or whole.replace(MARK, "", 1) == shown or whole[: -len(MARK)] == shown
    assert scrubber.cut(f"ab{TOKEN}yz", 9) == ("ab", "yz")
    assert scrubber.cut("abc", 1) == ("a", "bc")


# Characters of secrets, and characters that no form of them has.
SECRETS = st.text(string.ascii_letters + string.digits + " +/=%\\\"'&<>.:-_é€🦅", min_size=6).map(
    str.strip
)
NOISE = st.text("|¦\n\t·, ", max_size=12).filter(lambda text: text.strip("\n\t, "))


@st.composite
def pieces(draw: st.DrawFn) -> tuple[list[str], list[str | None], list[str]]:
    """Return secrets, what a stream holds (None is for a secret), and the stream in chunks."""
    secrets = draw(
        st.lists(
            SECRETS.filter(lambda secret: len(secret) > 5 and secret not in MARK),
            min_size=1,
            max_size=4,
        )
    )
    shown: list[str | None] = []
    text = ""
    for _ in range(draw(st.integers(1, 6))):
        noise = draw(NOISE)
        shown += [noise, None]
        written = WRITTEN[draw(st.sampled_from(sorted(WRITTEN)))]
        text += noise + written(draw(st.sampled_from(secrets)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    return secrets, shown, chunks


@given(pieces())
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_any_split_of_any_stream_shows_no_secret_and_all_else(
    drawn: tuple[list[str], list[str | None], list[str]],
) -> None:
    secrets, shown, chunks = drawn
    scrubber = Scrubber(secrets)

    told = "".join(scrubber.stream("stdout", chunk) for chunk in chunks) + scrubber.rest("stdout")

    assert told == "".join(MARK if part is None else part for part in shown)
    assert told == scrubber.text("".join(chunks))
    for secret in secrets:
        for name, written in WRITTEN.items():
            assert written(secret) not in told, name


@given(
    st.lists(st.text("ab", min_size=6, max_size=9), min_size=1, max_size=3),
    st.lists(st.text("ab|", max_size=7), max_size=12),
)
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_secrets_that_overlap_are_masked_alike_in_one_text_and_in_chunks(
    secrets: list[str], chunks: list[str]
) -> None:
    scrubber = Scrubber(secrets)

    told = "".join(scrubber.stream("stdout", chunk) for chunk in chunks) + scrubber.rest("stdout")

    assert told == scrubber.text("".join(chunks))
    assert not any(secret in told for secret in secrets)


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("secret", ["hunter", TOKEN, KEY.strip()], ids=["short", "token", "key"])
def test_each_way_of_writing_is_found_at_every_place(
    written: Callable[[str], str], secret: str
) -> None:
    scrubber = Scrubber([secret])
    for before in range(9):
        text = "|" * before + written(secret) + "|"
        assert scrubber.text(text) == "|" * before + MARK + "|"


@pytest.mark.parametrize("before", range(4))
def test_a_secret_inside_something_longer_in_base64_is_found(before: int) -> None:
    url = "x" * before + f"https://user:{TOKEN}@git.example.com/"
    encoded = base64.b64encode(url.encode()).decode()

    told = Scrubber([TOKEN]).text(encoded)

    assert told.count(MARK) == 1
    assert told.startswith(encoded[:16])
    assert told.endswith(encoded[-16:])
    kept = base64.b64decode("A" * (-len(told.split(MARK)[0]) % 4) + told.split(MARK)[0])
    assert TOKEN[:2].encode() not in kept


@pytest.mark.parametrize("line", KEY_LINES)
def test_each_line_of_a_key_is_a_secret(line: str) -> None:
    scrubber = Scrubber([KEY])

    assert scrubber.text(f"  {line}\r\n") == f"  {MARK}\r\n"
    assert scrubber.text(json.dumps({"line": line})) == f'{{"line": "{MARK}"}}'


@pytest.mark.parametrize("width", [64, 76])
def test_a_key_in_lines_of_base64_leaves_less_than_a_few_bytes(width: int) -> None:
    encoded = base64.b64encode(KEY.encode()).decode()
    lines = [encoded[start : start + width] for start in range(0, len(encoded), width)]

    told = Scrubber([KEY]).text("\n".join(lines)).split("\n")

    assert told[:-1] == [MARK] * (len(lines) - 1)
    assert len(told[-1].replace(MARK, "")) < 8


def test_the_secret_words_of_a_file_are_found_and_not_its_common_ones() -> None:
    file = "apiVersion: v1\nkind: Config\nusers:\n- name: ann\n  token: 9f8e7d6c5b4a39281706abcd\n"
    scrubber = Scrubber([file])

    assert scrubber.text("using 9f8e7d6c5b4a39281706abcd") == f"using {MARK}"
    common = "apiVersion: v1\nkind: Config\n- name: ann of the users:"
    assert scrubber.text(common) == common
    assert scrubber.text(file) == f"{MARK}\n"


def test_what_is_shorter_than_six_characters_is_no_secret() -> None:
    assert Scrubber(["", "a", "12345", " 1234 \n"]).text("a 12345 1234") == "a 12345 1234"
    assert Scrubber(["123456"]).text("a 123456") == f"a {MARK}"


def test_a_long_secret_is_held_back_for_no_longer_than_a_piece() -> None:
    secret = "".join(f"{number:04}" for number in range(500))
    scrubber = Scrubber([secret])

    told = "".join(scrubber.stream("stdout", character) for character in secret)

    assert told == MARK
    assert scrubber.rest("stdout") == ""
    assert scrubber.text(secret[:PIECE] + "|") == f"{MARK}|"


def test_a_stream_holds_back_only_what_may_become_a_secret() -> None:
    scrubber = Scrubber(["correct-horse"])

    assert scrubber.stream("stdout", "a correct") == "a "
    assert scrubber.stream("stderr", "-horse") == "-horse"  # another stream
    assert scrubber.stream("stdout", "ion; cor") == "correction; "
    assert scrubber.stream("stdout", "rect-horse!") == f"{MARK}!"
    assert scrubber.stream("stdout", "correct-hors") == ""
    assert scrubber.rest("stdout") == "correct-hors"
    assert scrubber.stream("stdout", "e") == "e"  # a new stream of that name
    assert scrubber.rest("never") == ""


def test_null_characters_hide_nothing() -> None:
    scrubber = Scrubber(["correct-horse"])

    assert scrubber.text("\0".join("a correct-horse")) == f"a {MARK}"
    assert scrubber.stream("stdout", "corr\0ect\0-hor") == ""
    assert scrubber.stream("stdout", "\0se") == MARK
    assert scrubber.text("a\0b") == "ab"


def test_text_that_is_no_unicode_is_left_as_it_is() -> None:
    scrubber = Scrubber(["correct-horse"])
    broken = "\ud83e|\udd85 \udcff"

    assert scrubber.text(broken) == broken
    assert scrubber.stream("out", "\ud83e") + scrubber.stream("out", "\udd85") == "\ud83e\udd85"
    assert scrubber.text(broken + "correct-horse") == broken + MARK


def test_data_is_scrubbed_in_keys_and_values() -> None:
    scrubber = Scrubber(["correct-horse", "battery-staple", "20250719"])
    data = {
        "correct-horse": 1,
        "battery-staple": 2,
        "kept": [True, None, 7, 1.5, ("x correct-horse", {"deep": "battery-staple"})],
        "number": 20250719,
    }

    assert scrubber.data(data) == {
        MARK: 1,
        f"{MARK} 2": 2,
        "kept": [True, None, 7, 1.5, [f"x {MARK}", {"deep": MARK}]],
        "number": MARK,
    }
    assert data["number"] == 20250719
    assert scrubber.data("correct-horse") == MARK


def test_data_may_be_as_deep_as_it_likes() -> None:
    deep: list[object] = ["correct-horse"]
    for _ in range(10_000):
        deep = [deep]

    scrubbed = Scrubber(["correct-horse"]).data(deep)

    while isinstance(scrubbed[0], list):
        scrubbed = scrubbed[0]
    assert scrubbed == [MARK]


def test_without_secrets_nothing_is_changed_or_held() -> None:
    scrubber = Scrubber([])

    assert scrubber.stream("stdout", "anything") == "anything"
    assert scrubber.text("anything") == "anything"
