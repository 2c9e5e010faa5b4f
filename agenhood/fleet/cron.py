"""When something that is repeated is due next."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, CroniterError, croniter

NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun"
FIELD = re.compile(rf"(?:[\d*,/-]|{NAMES})+", re.IGNORECASE)
FIELDS = 5


def next_times(cron: str, time_zone: str, after: datetime, count: int) -> list[datetime]:
    """Return the next times of a cron expression after a moment (aware), in UTC.

    Fewer than `count` where there are no more. A time that the clocks skip in spring is that much
    later on that day; one of an hour that comes twice in autumn comes once. Raises ValueError, with
    words for people, for what is no expression of five fields or has no time at all.
    """
    fields = cron.split()
    if len(fields) != FIELDS or not all(map(FIELD.fullmatch, fields)):
        raise ValueError(
            "Write five fields: minute, hour, day of the month, month, day of the week."
        )
    zone = ZoneInfo(time_zone)
    is_hourly = "*" in fields[1]
    found: list[datetime] = []
    before = after.astimezone(zone)
    try:
        times = croniter(cron, before)
        while len(found) < count:
            time = times.get_next(datetime)
            if is_hourly or time.replace(tzinfo=None) != before.replace(tzinfo=None):
                found.append(time.astimezone(UTC))
            before = time
    except CroniterBadDateError:
        if not found:
            raise ValueError("There is no day on which this is due.") from None
    except CroniterError:
        raise ValueError("A field has a number that it cannot have.") from None
    return found
