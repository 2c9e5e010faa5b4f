"""Tasks and spend by day, for bars that the server draws."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from agenhood.fleet.agent_columns import dollars
from agenhood.fleet.ids import first_id_at
from agenhood.fleet.models import Task

DAYS = 30
RECENT = 7
FAILED = Q(state__in=[Task.State.FAILED, Task.State.TIMED_OUT])

# The drawing's own units.
WIDTH, HEIGHT, GAP = 600, 96, 4
STEP = WIDTH // DAYS


@dataclass(frozen=True, slots=True)
class Bar:
    """One day. `task_height` includes `failed_height`, which is drawn over its foot."""

    day: date
    tasks: int
    failed: int
    spend: Decimal
    is_recent: bool
    x: int
    task_height: int
    failed_height: int
    spend_height: int

    @property
    def task_y(self) -> int:
        return HEIGHT - self.task_height

    @property
    def failed_y(self) -> int:
        return HEIGHT - self.failed_height

    @property
    def spend_y(self) -> int:
        return HEIGHT - self.spend_height


@dataclass(frozen=True, slots=True)
class Activity:
    """The last DAYS days, the oldest first; the totals of the last RECENT and of all."""

    bars: list[Bar]
    most_tasks: int
    most_spend: Decimal
    width: int = WIDTH
    height: int = HEIGHT
    bar_width: int = STEP - GAP

    @property
    def recent(self) -> list[Bar]:
        return [bar for bar in self.bars if bar.is_recent]

    @property
    def tasks(self) -> int:
        return sum(bar.tasks for bar in self.bars)

    @property
    def recent_tasks(self) -> int:
        return sum(bar.tasks for bar in self.recent)

    @property
    def spend(self) -> Decimal:
        return sum((bar.spend for bar in self.bars), Decimal())

    @property
    def recent_spend(self) -> Decimal:
        return sum((bar.spend for bar in self.recent), Decimal())


def activity() -> Activity | None:
    """Return the workspace's tasks by day in the time zone that is set, in one statement.

    None where there was none in all these days.
    """
    today = timezone.localdate()
    days = [today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    start = datetime.combine(days[0], time.min, timezone.get_current_timezone())
    sums = {
        one["day"]: one
        for one in Task.objects.filter(pk__gte=first_id_at(start))
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(tasks=Count("pk"), failed=Count("pk", filter=FAILED), spend=Sum("cost_micros"))
        .order_by()
    }
    sums = {day: sums[day] for day in days if day in sums}
    if not sums:
        return None
    most_tasks = max(one["tasks"] for one in sums.values())
    most_spend = max(one["spend"] for one in sums.values())
    bars = []
    for number, day in enumerate(days):
        one = sums.get(day, {"tasks": 0, "failed": 0, "spend": 0})
        bars.append(
            Bar(
                day,
                one["tasks"],
                one["failed"],
                dollars(one["spend"]),
                number >= DAYS - RECENT,
                number * STEP + GAP // 2,
                _height(one["tasks"], most_tasks),
                _height(one["failed"], most_tasks),
                _height(one["spend"], most_spend),
            )
        )
    return Activity(bars, most_tasks, dollars(most_spend))


def _height(value: int, most: int) -> int:
    """Return a bar's height; what is there at all is seen."""
    return max(2, value * HEIGHT // most) if value else 0
