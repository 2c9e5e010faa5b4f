"""What an agent wrote is shown as text and nothing but text."""

import pytest

from agenhood.fleet.hostile import one_line, readable
from agenhood.fleet.search import marked


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil.test\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ends", ""),
        ("\x1bPq#0\x1b\\text", "text"),
        ("\x1b(Btext\x1bc", "text"),
        ("\x1b", ""),
        ("10%\r20%\r\ndone\r\n", "10%\n20%\ndone\n"),
        ("a\x00b\x07c\x08d\x7fe\x85f", "abcdef"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("\u2066a\u2069\u200e\u200fb\u061c", "ab"),
        ("pass\u200bword\ufeff\u00ad", "password"),
        ("tag\U000e0041", "tag"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("Ünïcödé 東京 🦅 עברית", "Ünïcödé 東京 🦅 עברית"),
        ("👩\u200d🚀", "👩\u200d🚀"),
    ],
)
def test_codes_and_hidden_characters_go_and_everything_else_stays(written, shown):
    assert readable(written) == shown


def test_it_takes_no_time_to_speak_of():
    for piece in ("\x1b[", "\x1b]", "\x1bP", "\x9b0", "\x1b[0;", "a"):
        assert isinstance(readable(piece * 300_000), str)


def test_one_line_is_one():
    assert one_line("  a\n\nb\t\x1b[1mc\r\n ") == "a b c"


@pytest.mark.parametrize(
    ("text", "words", "hits"),
    [
        ("Deploying the falcon", "deploy", ["Deploying"]),
        ("Deploying the falcon", "DEPLOYED falcon", ["Deploying", "falcon"]),
        ("a falcon, a kestrel", "falcon -kestrel", ["falcon"]),
        ("a.b*c", ".*", []),
        ("a falcon or two", "or", []),
        ("<b>falcon</b>", "falcon", ["falcon"]),
        ("falcon", "(((", []),
    ],
)
def test_hits_are_marked_and_the_text_stays_whole(text, words, hits):
    pieces = marked(text, words)

    assert "".join(piece for piece, _hit in pieces) == text
    assert [piece for piece, hit in pieces if hit] == hits
