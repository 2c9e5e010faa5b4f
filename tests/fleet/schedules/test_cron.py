"""When something that is repeated is due next."""

from datetime import UTC, datetime

import pytest

from agenhood.fleet.cron import next_times

NIGHT = datetime(2026, 3, 28, 12, tzinfo=UTC)


def told(times):
    return [time.strftime("%m-%d %H:%M") for time in times]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 9 * * 1-5", "UTC", (2026, 11, 27, 9), ["11-30 09:00", "12-01 09:00"]),
        ("*/30 8 * * mon", "Asia/Kolkata", (2026, 11, 24, 0), ["11-30 02:30", "11-30 03:00"]),
        # The clocks go from two to three on this day, and from three back to two on that one.
        ("30 2 * * *", "Europe/Berlin", (2026, 3, 28, 12), ["03-29 01:00", "03-30 00:30"]),
        ("30 2 * * *", "Europe/Berlin", (2026, 10, 24, 12), ["10-25 00:30", "10-26 01:30"]),
        ("0 * * * *", "Europe/Berlin", (2026, 10, 25, 0), ["10-25 01:00", "10-25 02:00"]),
        ("0 0 29 2 *", "UTC", (2026, 1, 1), ["02-29 00:00", "02-29 00:00"]),
    ],
)
def test_times_are_those_of_the_zone(cron, zone, after, expected):
    assert told(next_times(cron, zone, datetime(*after, tzinfo=UTC), 2)) == expected


def test_a_time_that_comes_twice_in_autumn_is_not_due_again():
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 2:30, for the first time

    assert told(next_times("30 2 * * *", "Europe/Berlin", first, 1)) == ["10-26 01:30"]


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("", "five fields"),
        ("@daily", "five fields"),
        ("* * * * * *", "five fields"),
        ("R R * * *", "five fields"),
        ("0 0 l * *", "five fields"),
        ("0 25 * * *", "cannot have"),
        ("0 9 * * 1-x", "five fields"),
        ("*/0 * * * *", "cannot have"),
        ("0 0 30 2 *", "no day"),
    ],
)
def test_what_is_no_expression_is_refused_in_words(cron, words):
    with pytest.raises(ValueError, match=words):
        next_times(cron, "UTC", NIGHT, 1)
