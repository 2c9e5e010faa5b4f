"""Colours of programs' output: what paints is a class, what would do anything else is gone."""

import re

import pytest

from agenhood.fleet.ansi import coloured


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", '<span class="ansi-red">red</span>'),
        ("\x1b[1;92mgood\x1b[39m.",
         '<span class="ansi-green ansi-bold">good</span><span class="ansi-bold">.</span>'),
        ("\x1b[1;3mboth\x1b[22m.\x1b[m.",
         '<span class="ansi-bold ansi-italic">both</span><span class="ansi-italic">.</span>.'),
        ("\x9b34mblue\x9bm.", '<span class="ansi-blue">blue</span>.'),
        ("\x1b[38;5;3mlow\x1b[38;5;200mhigh", '<span class="ansi-yellow">low</span>high'),
        ("\x1b[31;38;2;1;2;3mown\x1b[39m.", "own."),
        ("\x1b[38;5mcut\x1b[48;5;1mno ground", "cutno ground"),
        ("\x1b[4:3mcurly", "curly"),
        ("\x1b[8mhidden\x1b[5mblinks", "hiddenblinks"),
        ("\x1b[41;31mnot red on red", '<span class="ansi-red">not red on red</span>'),
        ("\x1b[99999999999999999mfar\x1b[;;mno", "farno"),
        ("a\r\nb\rc", "a\nb\nc"),
    ],
)  # fmt: skip
def test_what_paints(text, markup):
    assert coloured(text) == markup


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31m<script>alert(1)</script>",
        "<\x1b[31mscript>",
        '\x1b[31m" onmouseover="alert(1)',
        '\x1b[31"onclick=alert(1)m',
        "\x1b]0;title\x07\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\",
        "\x1b[2J\x1b[H\x1b[?25l\x1bc\x1b[6n\x1bP1$r\x1b\\\x1b_x\x1b\\",
        "\u202e\u200b\x00\x08\x7f\x9c",
        "\x1b",
        "\x1b[",
        "\x1b[3",
        "&lt;b&gt; &amp;",
    ],
)
def test_nothing_else_gets_through(text):
    markup = coloured(text)
    bare = re.sub(r'<span class="(?:ansi-\w+ ?)+">|</span>', "", markup)

    assert not re.search(r"[<>\"']", bare)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e]", markup)
