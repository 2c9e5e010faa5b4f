"""What is done with prompts: writing versions, moving labels. Each in a workspace's scope.

Whatever changes a prompt locks its row first, so that two changes at once are made one after the
other. A refusal says why, for the person who asked, and leaves nothing changed.
"""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts.models import User
from agenhood.fleet.models import Agent, AgentRevision, Prompt, PromptLabel, PromptVersion
from workspaces.audit import record

MOST_LABELS = 20
MOST_EARLIER = 50  # versions that a label can be rolled back to, one after the other
MOST_NAMED = 5  # agents in a refusal


class PromptRefused(Exception):
    """The change is not possible now; the message says why."""


class EditConflict(PromptRefused):
    """Somebody else has saved a version since: `latest` is the newest one."""

    def __init__(self, latest: PromptVersion) -> None:
        super().__init__(f"Somebody else has saved {latest} meanwhile.")
        self.latest = latest


class LabelMoved(PromptRefused):
    """The label is elsewhere than it was seen: `number` is its version now, 0 when it is gone."""

    def __init__(self, name: str, number: int) -> None:
        where = f"moved to v{number}" if number else "removed"
        super().__init__(f"The label {name} has been {where} meanwhile.")
        self.name = name
        self.number = number


def create(*, name: str, text: str, by: User, description: str = "", note: str = "") -> Prompt:
    """Make a prompt with its first version, to which `production` and `draft` point.

    Raises PromptRefused for a name just taken.
    """
    prompt = Prompt(name=name, description=description, created_by=by)
    _save(prompt)
    version = PromptVersion.objects.create(
        prompt=prompt, number=1, text=text, note=note, created_by=by
    )
    for label in PromptLabel.ALWAYS_THERE:
        PromptLabel.objects.create(prompt=prompt, name=label, version=version)
    changes = {"name": (None, name), "description": (None, description), "version": (None, "v1")}
    record("prompt.create", prompt, changes=changes)
    return prompt


def change(prompt: Prompt, *, name: str, description: str) -> None:
    """Rename a prompt or describe it anew. Raises PromptRefused for a name just taken."""
    prompt = _locked(prompt)
    wanted = {"name": name, "description": description}
    changes = {
        field: (getattr(prompt, field), value)
        for field, value in wanted.items()
        if getattr(prompt, field) != value
    }
    if not changes:
        return
    for field, value in wanted.items():
        setattr(prompt, field, value)
    _save(prompt)
    record("prompt.change", prompt, changes=changes)


def add_version(
    prompt: Prompt, *, text: str, by: User, seen: int | None = None, note: str = ""
) -> PromptVersion:
    """Save a text as the prompt's next version, to which `draft` moves.

    `seen` is the number of the newest version when the text was begun, None to save it in any case.
    Raises EditConflict when another has come since, PromptRefused for the text of the newest one.
    """
    prompt = _locked(prompt)
    _refuse_archived(prompt)
    latest = prompt.versions.order_by("-number").first()
    if latest is not None and seen is not None and latest.number != seen:
        raise EditConflict(latest)
    if latest is not None and latest.text == text:
        raise PromptRefused(f"This is the text of {latest} already.")
    number = latest.number + 1 if latest else 1
    version = PromptVersion.objects.create(
        prompt=prompt, number=number, text=text, note=note, created_by=by
    )
    changes: dict[str, Any] = {"version": (latest and str(latest), str(version))}
    label = prompt.labels.filter(name=PromptLabel.DRAFT).select_related("version").first()
    changes[PromptLabel.DRAFT] = (label and str(label.version), str(version))
    _point(prompt, label, PromptLabel.DRAFT, version)
    record("prompt.add_version", prompt, changes=changes | ({"note": ("", note)} if note else {}))
    return version


def move_label(prompt: Prompt, *, name: str, number: int, seen: int | None = None) -> PromptLabel:
    """Let a label point to a version; make it if there is none of that name.

    `seen` is the number that it had when that was decided, 0 when there was none, None to move it
    in any case. Raises LabelMoved when it is elsewhere now, PromptRefused in an archived prompt or
    for one label too many, and PromptVersion.DoesNotExist.
    """
    prompt = _locked(prompt)
    _refuse_archived(prompt)
    version = prompt.versions.defer("text").get(number=number)
    label = _label(prompt, name)
    now = label.version.number if label else 0
    if seen is not None and now != seen:
        raise LabelMoved(name, now)
    if label is None and prompt.labels.count() >= MOST_LABELS:
        raise PromptRefused(f"This prompt has {MOST_LABELS} labels already: remove one first.")
    if label is not None and now == number:
        return label
    moved = _point(prompt, label, name, version)
    change = (f"v{now}" if now else None, str(version))
    record("prompt.move_label", prompt, changes={name: change})
    return moved


def roll_back(label: PromptLabel, *, seen: int | None = None) -> PromptLabel:
    """Let a label point to the version that it had before, and the next time to that before it.

    Raises LabelMoved when it is not at `seen` any more, PromptRefused when it never moved.
    """
    prompt = _locked(label.prompt)
    _refuse_archived(prompt)
    stored = _label(prompt, label.name)
    now = stored.version.number if stored else 0
    if stored is None or (seen is not None and now != seen):
        raise LabelMoved(label.name, now)
    if not stored.earlier:
        raise PromptRefused(f"The label {stored} has never pointed elsewhere.")
    before = stored.earlier[-1]
    stored.version = prompt.versions.defer("text").get(number=before)
    stored.earlier = stored.earlier[:-1]
    stored.moved_at = timezone.now()
    stored.save(update_fields=["version", "earlier", "moved_at"])
    record("prompt.roll_back", prompt, changes={stored.name: (f"v{now}", f"v{before}")})
    return stored


def remove_label(label: PromptLabel) -> None:
    """Remove a label. Raises PromptRefused while an agent works by it, archived ones included."""
    prompt = _locked(label.prompt)
    stored = _label(prompt, label.name)
    if stored is None:
        return
    if stored.name in PromptLabel.ALWAYS_THERE:
        raise PromptRefused(f"Every prompt has the label {stored}: it can move, but not go.")
    subject, instead = f"The label {stored}", "Let them use another one first."
    _refuse_if_used(subject, Agent.objects.filter(prompt_label=stored), instead)
    try:
        with transaction.atomic():
            change = (f"v{stored.version.number}", None)
            record("prompt.remove_label", prompt, changes={stored.name: change})
            stored.delete()
    except (ProtectedError, IntegrityError):  # an agent took it up in this moment
        raise PromptRefused(f"{subject} is in use by an agent. {instead}") from None


def archive(prompt: Prompt) -> None:
    """Put a prompt away. Raises PromptRefused while agents that are not archived work by it."""
    prompt = _locked(prompt)
    if prompt.archived_at is None:
        instead = "Let them use another prompt, or archive them first."
        _refuse_if_used(str(prompt), agents_using(prompt).active(), instead)
        _set_archived(prompt, archived=True)


def restore(prompt: Prompt) -> None:
    prompt = _locked(prompt)
    if prompt.archived_at is not None:
        _set_archived(prompt, archived=False)


def delete(prompt: Prompt) -> None:
    """Delete a prompt that no agent has ever worked by. Raises PromptRefused for any other."""
    prompt = _locked(prompt)
    first = "Let them use another prompt, or archive them; then archive it: history still names it."
    _refuse_if_used(str(prompt), agents_using(prompt).active(), first)
    instead = "Archive it instead, so that history can still name it."
    _refuse_if_used(str(prompt), agents_using(prompt), instead)
    if was_used(prompt):
        raise PromptRefused(f"An agent has worked by {prompt} before. {instead}")
    try:
        with transaction.atomic():
            record("prompt.delete", prompt, changes={"name": (prompt.name, None)})
            prompt.labels.all().delete()  # they hold their versions
            prompt.delete()
    except (ProtectedError, IntegrityError):  # an agent took it up in this moment
        raise PromptRefused(f"{prompt} is in use by an agent. {instead}") from None


def agents_using(prompt: Prompt) -> Any:
    """Return the agents that work by the prompt, archived ones included."""
    return Agent.objects.filter(prompt=prompt)


def was_used(prompt: Prompt) -> bool:
    """Tell whether an agent has worked by the prompt, now or in an earlier revision."""
    revisions = AgentRevision.objects.filter(configuration__prompt__id=str(prompt.pk))
    return agents_using(prompt).exists() or revisions.exists()


def _locked(prompt: Prompt) -> Prompt:
    """Return the stored row, locked until the scope ends. Raises PromptRefused if gone."""
    stored: Prompt | None = Prompt.objects.select_for_update().filter(pk=prompt.pk).first()
    if stored is None:
        raise PromptRefused(f"{prompt} has been deleted meanwhile.")
    return stored


def _label(prompt: Prompt, name: str) -> PromptLabel | None:
    labels = prompt.labels.filter(name=name).select_related("version").defer("version__text")
    label: PromptLabel | None = labels.first()
    return label


def _point(
    prompt: Prompt, label: PromptLabel | None, name: str, version: PromptVersion
) -> PromptLabel:
    if label is None:
        return PromptLabel.objects.create(prompt=prompt, name=name, version=version)
    label.earlier = [*label.earlier, label.version.number][-MOST_EARLIER:]
    label.version, label.moved_at = version, timezone.now()
    label.save(update_fields=["version", "earlier", "moved_at"])
    return label


def _refuse_archived(prompt: Prompt) -> None:
    if prompt.archived_at is not None:
        raise PromptRefused(f"{prompt} is archived: restore it before changing it.")


def _refuse_if_used(subject: str, agents: Any, instead: str) -> None:
    """Raise PromptRefused with the agents' names, if there are any."""
    names = list(agents.order_by("name").values_list("name", flat=True)[: MOST_NAMED + 1])
    if names:
        raise PromptRefused(f"{subject} is in use by {_listed(names)}. {instead}")


def _listed(names: list[str]) -> str:
    if len(names) > MOST_NAMED:
        return f"{', '.join(names[:MOST_NAMED])} and others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _set_archived(prompt: Prompt, *, archived: bool) -> None:
    prompt.archived_at = timezone.now() if archived else None
    prompt.save(update_fields=["archived_at"])
    verb = "archive" if archived else "restore"
    record(f"prompt.{verb}", prompt, changes={"archived": (not archived, archived)})


def _save(prompt: Prompt) -> None:
    try:
        with transaction.atomic():
            prompt.save()
    except IntegrityError as error:
        if "fleet_prompt_name_unique" not in str(error):
            raise
        raise PromptRefused("This workspace already has a prompt of that name.") from error
