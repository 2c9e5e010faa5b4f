"""What differs between two texts, told line by line and word by word."""

import random
import time

import pytest

from agenhood.fleet.text_diff import MOST_LINES, MOST_SHOWN, difference


def side(before: str, after: str) -> list[tuple[str, str, str]]:
    return [
        (row.kind, "".join(p for p, _d in row.before), "".join(p for p, _d in row.after))
        for row in difference(before, after).rows
    ]


def test_lines_are_same_changed_removed_or_added():
    assert side("a\nb b b\nc", "a\nb b c\nc\nd") == [
        ("same", "a", "a"),
        ("changed", "b b b", "b b c"),
        ("same", "c", "c"),
        ("added", "", "d"),
    ]
    assert side("a\nb\nc", "a\nc") == [("same", "a", "a"), ("removed", "b", ""), ("same", "c", "c")]


def test_the_words_that_differ_are_marked():
    (row,) = difference("be brief and kind", "be short and kind").rows

    assert row.before == [("be ", False), ("brief", True), (" and kind", False)]
    assert row.after == [("be ", False), ("short", True), (" and kind", False)]


def test_another_line_altogether_is_not_cut_into_words():
    (row,) = difference("one two three", "vier; fünf? sechs!").rows

    assert row.before == [("one two three", False)]


def test_a_unified_difference_has_in_each_block_first_what_went():
    lines = difference("a\nb\nc\nx", "A\nB\nC\nx").unified

    assert [(line.sign, line.before_number, line.after_number) for line in lines] == [
        ("-", 1, 0),
        ("-", 2, 0),
        ("-", 3, 0),
        ("+", 0, 1),
        ("+", 0, 2),
        ("+", 0, 3),
        (" ", 4, 4),
    ]


def test_unchanged_lines_away_from_a_change_are_counted_instead_of_shown():
    before = [str(number) for number in range(50)]
    after = [*before[:25], "new", *before[25:]]

    rows = difference("\n".join(before), "\n".join(after)).rows

    assert [row.kind for row in rows] == [
        "skipped",
        *["same"] * 3,
        "added",
        *["same"] * 3,
        "skipped",
    ]
    assert [row.count for row in rows if row.kind == "skipped"] == [22, 22]
    assert [(r.before_number, r.after_number) for r in rows if r.kind == "same"] == [
        (23, 23),
        (24, 24),
        (25, 25),
        (26, 27),
        (27, 28),
        (28, 29),
    ]


@pytest.mark.parametrize(("before", "after"), [("", ""), ("a\n", "a\n"), ("\n\n", "\n\n")])
def test_texts_that_say_the_same_have_no_difference(before, after):
    assert difference(before, after).is_empty


def test_a_line_feed_at_the_end_is_a_difference():
    assert side("a", "a\n") == [("same", "a", "a"), ("added", "", "")]


def test_what_hides_is_shown_by_name():
    (row,) = difference("safe", "safe\u202eevil\u200b").rows

    assert "".join(piece for piece, _d in row.after) == "safe⟨U+202E⟩evil⟨U+200B⟩"


def test_every_line_of_both_texts_is_told_once():
    draw = random.Random(7)  # noqa: S311
    for _round in range(30):
        before = [draw.choice("abcdef") for _ in range(draw.randrange(1, 12))]
        after = [draw.choice("abcdef") for _ in range(draw.randrange(1, 12))]

        found = difference("\n".join(before), "\n".join(after))

        if any(row.kind == "skipped" for row in found.rows):
            continue
        assert [row.before[0][0] for row in found.rows if row.before_number] == before
        assert [row.after[0][0] for row in found.rows if row.after_number] == after
        went = [line.before_number for line in found.unified if line.sign == "-"]
        assert len(went) == found.removed


def test_texts_too_long_to_compare_are_shown_whole_and_cut_with_a_count():
    before = "\n".join(f"x{number}" for number in range(MOST_LINES + 1))
    after = "\n".join(f"y{number}" for number in range(2 * MOST_SHOWN))

    found = difference(before, after)

    assert found.is_whole
    assert len(found.rows) == MOST_SHOWN
    assert found.not_shown == MOST_SHOWN


def test_a_change_in_a_long_text_is_found_however_long_the_text_is():
    lines = [f"line {number}" for number in range(9_000)]

    found = difference("\n".join(lines), "\n".join([*lines[:4_000], "new", *lines[4_001:]]))

    assert not found.is_whole
    assert (found.added, found.removed) == (1, 1)


@pytest.mark.parametrize("kind", ["few lines", "few words", "long line"])
def test_no_text_makes_comparing_slow(kind):
    """A text has at most 100,000 characters. Seconds on a loaded machine; minutes without caps."""
    draw = random.Random(3)  # noqa: S311

    def text() -> str:
        if kind == "few lines":
            return "\n".join(draw.choice("ab") for _ in range(50_000))
        if kind == "few words":
            return "\n".join(" ".join(draw.choice("ab") for _ in range(900)) for _ in range(55))
        return " ".join(draw.choice("ab") for _ in range(50_000))

    before, after = text(), text()
    began = time.process_time()

    difference(before, after)

    assert time.process_time() - began < 8
