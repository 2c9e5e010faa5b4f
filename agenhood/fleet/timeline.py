"""A conversation in pages: its tasks in order, and each one's events.

A position is a task's number and an event's: "3.120" is after the 120th event of the third task,
"3.0" before its first. A page holds so many events, of however many tasks, and takes the same
statements whatever there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Func, JSONField, Q, QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Left, Length
from django.utils.html import escape
from django.utils.safestring import SafeString

from agenhood.fleet.ansi import coloured
from agenhood.fleet.hostile import one_line, readable
from agenhood.fleet.models import Artifact, Conversation, Event, Task
from agenhood.fleet.money import cost

EVENTS_ON_A_PAGE = 200
TASKS_ON_A_PAGE = 50
ARTIFACTS_ON_A_PAGE = 200
# What is shown of a text before one asks for all of it.
CHARACTERS = 4000
TITLE_CHARACTERS = 120
LARGEST = 2**31 - 1
# Events whose text one reads; of the others a line, until it is opened.
OPEN = {Event.Kind.MESSAGE, Event.Kind.OUTPUT, Event.Kind.ERROR}
# What of an event's data belongs into its line, in this order.
SAID = ("state", "change", "path", "model", "exit_code")
# What programs wrote, perhaps in colours.
PAINTED = {Event.Kind.OUTPUT, Event.Kind.TOOL_RESULT}

Position = tuple[int, int]
START: Position = (1, 0)


@dataclass(slots=True)
class ShownTask:
    task: Task
    input: "Shown"
    output: "Shown"
    events: list["ShownEvent"] = field(default_factory=list)
    artifacts: list[tuple[Artifact, str]] = field(default_factory=list)  # with their names
    is_continued: bool = False  # its beginning is on a page before
    person: str = ""  # who asked for it

    @property
    def reason(self) -> str:
        return readable(self.task.state_reason)

    @property
    def cost(self) -> str:
        return cost(self.task.cost_micros)

    @property
    def took(self) -> str:
        """How long it ran, in words for people: "4 s", "2 min 5 s", "3 h 10 min"."""
        if not (self.task.started_at and self.task.finished_at):
            return ""
        return duration(self.task.finished_at - self.task.started_at)


@dataclass(slots=True)
class ShownEvent:
    """`title` says in a line what the event is, `data` is what its kind has beside its text."""

    event: Any  # an Event, with what the query adds
    title: str
    shown: "Shown"
    data: "Shown"
    is_open: bool

    @property
    def said_by(self) -> str:
        """The tool that the event is about, who wrote the message, or what it came out of."""
        return one_line(self.event.tool or self.event.role or self.event.stream or "")

    @property
    def body(self) -> SafeString:
        """The text as markup, in the colours that a program gave it."""
        if self.event.kind in PAINTED:
            return coloured(self.event.text_begun)
        return escape(self.shown.text)


class _Rest(Func):
    """An event's data without what its title says."""

    template = "(%(expressions)s - 'tool' - 'role' - 'stream')"
    output_field = JSONField()


@dataclass(frozen=True, slots=True)
class Shown:
    """The beginning of a text, fit to be read; `rest` is how many characters come after it."""

    text: str
    rest: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """`previous` and `next` are positions, "" where there is nothing."""

    tasks: list[ShownTask]
    previous: str
    next: str


def duration(passed: timedelta) -> str:
    minutes, seconds = divmod(max(round(passed.total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def position(text: str) -> Position:
    """Read a position of an address; what is none is the start."""
    task, _, event = text.partition(".")
    numbers = [part for part in (task, event) if part.isascii() and part.isdecimal()]
    if len(numbers) != 2 or max(map(len, numbers)) > 10:
        return START
    return min(int(task), LARGEST), min(int(event), LARGEST)


def timeline(
    conversation: Conversation,
    after: Position = START,
    kinds: Sequence[str] = (),
    size: int = EVENTS_ON_A_PAGE,
) -> Timeline:
    """Return the page that begins after a position, with events of some kinds, or of all."""
    of_conversation = Task.objects.filter(conversation=conversation)
    tasks = list(
        _shortened(of_conversation.filter(number__gte=after[0]), "input", "output")
        .defer("input", "output")
        .order_by("number")[: TASKS_ON_A_PAGE + 1]
    )
    following = tasks.pop() if len(tasks) > TASKS_ON_A_PAGE else None
    rows = Event.objects.filter(task__conversation=conversation)
    if kinds:
        rows = rows.filter(kind__in=kinds)
    ahead = rows.filter(
        _after(after),
        task__number__gte=after[0],
        task__number__lte=tasks[-1].number if tasks else 0,
    )
    events = list(
        begun(ahead)
        .annotate(task_number=F("task__number"))
        .order_by("task__number", "number")[: size + 1]
    )
    following_position = ""
    if len(events) > size:
        events.pop()
        last = events[-1]
        tasks = [task for task in tasks if task.number <= last.task_number]
        following_position = f"{last.task_number}.{last.number}"
    elif following is not None:
        following_position = f"{following.number}.0"
    previous = "" if after <= START else _previous(rows, after, size)
    return Timeline(_joined(tasks, events, after), previous, following_position)


def begun(events: QuerySet[Any]) -> QuerySet[Any]:
    """Read of events what `shown_event` shows, and no more."""
    return (
        _shortened(events.alias(details=Cast(_Rest("data"), TextField())), "text", "details")
        .defer("text", "data")
        .annotate(
            tool=KeyTextTransform("tool", "data"),
            role=KeyTextTransform("role", "data"),
            stream=KeyTextTransform("stream", "data"),
            **{f"{name}_said": KeyTextTransform(name, "data") for name in SAID},
        )
    )


def _previous(rows: QuerySet[Any], after: Position, size: int) -> str:
    """Return where the page before begins: as many events earlier, or at the start."""
    before = rows.filter(~_after(after), task__number__lte=after[0])
    earlier = before.order_by("-task__number", "-number").values_list("task__number", "number")
    found = list(earlier[size : size + 1])
    return "{}.{}".format(*(found[0] if found else START))


def _after(start: Position) -> Q:
    return Q(task__number__gt=start[0]) | Q(task__number=start[0], number__gt=start[1])


def _joined(tasks: list[Task], events: list[Any], after: Position) -> list[ShownTask]:
    shown: dict[UUID, ShownTask] = {
        task.pk: ShownTask(task, _shown(task, "input"), _shown(task, "output")) for task in tasks
    }
    for event in events:
        shown[event.task_id].events.append(shown_event(event))
    for artifact in Artifact.objects.filter(task__in=list(shown)).order_by("task_id", "path")[
        :ARTIFACTS_ON_A_PAGE
    ]:
        shown[artifact.task_id].artifacts.append((artifact, one_line(artifact.path)))
    joined = list(shown.values())
    if joined and after[1] and joined[0].task.number == after[0]:
        joined[0].is_continued = True
        if not joined[0].events:
            joined.pop(0)  # it ended with the page before
    return joined


def shown_event(event: Any) -> ShownEvent:
    shown = _shown(event, "text")
    data = Shown("", 0) if event.details_begun == "{}" else _shown(event, "details")
    said = [getattr(event, f"{name}_said") for name in SAID[:-1]]
    if event.exit_code_said:
        said.append(f"exit {event.exit_code_said}")
    title = " ".join(filter(None, [event.tool, *said, one_line(shown.text[:TITLE_CHARACTERS])]))
    return ShownEvent(event, one_line(title)[:TITLE_CHARACTERS], shown, data, event.kind in OPEN)


def _shortened(rows: QuerySet[Any], *texts: str) -> QuerySet[Any]:
    """Read the beginnings of texts only, and how long they are."""
    begun = {f"{name}_begun": Left(name, CHARACTERS) for name in texts}
    lengths = {f"{name}_length": Length(name) for name in texts}
    return rows.annotate(**begun, **lengths)


def _shown(row: Any, name: str) -> Shown:
    begun, length = getattr(row, f"{name}_begun"), getattr(row, f"{name}_length")
    return Shown(readable(begun), max(length - CHARACTERS, 0))
