from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.forms import checked
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import IDEMPOTENT, READS, WRITES
from agenhood.fleet.actions import prompt as actions
from agenhood.fleet.forms.prompt import (
    PromptDetailsForm,
    PromptForm,
    PromptLabelForm,
    PromptVersionForm,
)
from agenhood.fleet.models import Prompt, PromptLabel, PromptVersion
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Prompts"])

LARGEST_NUMBER = 2**31 - 1


class LabelOut(Schema):
    """`version` is the number of the version that the label points to."""

    id: UUID
    name: str
    version: int

    @staticmethod
    def resolve_version(label: PromptLabel) -> int:
        return label.version.number


class PromptOut(Schema):
    id: UUID
    name: str
    description: str
    created_at: datetime
    archived_at: datetime | None
    labels: list[LabelOut]


class VersionOut(Schema):
    id: UUID
    number: int
    text: str
    note: str
    created_at: datetime


class PromptIn(Schema):
    """`text` is the first version's."""

    name: str = Field(min_length=1, max_length=60)
    description: str = Field("", max_length=200)
    text: str = Field(min_length=1, max_length=100_000)


class PromptChange(Schema):
    name: str | None = Field(None, min_length=1, max_length=60)
    description: str | None = Field(None, max_length=200)


class VersionIn(Schema):
    """`base`, if sent, must still be the newest version's number: else 409."""

    text: str = Field(min_length=1, max_length=100_000)
    note: str = Field("", max_length=200)
    base: int | None = Field(None, ge=1, le=LARGEST_NUMBER)


class LabelIn(Schema):
    """`seen`, if sent, must still be the label's version, 0 for a new label: else 409."""

    version: int = Field(ge=1, le=LARGEST_NUMBER)
    seen: int | None = Field(None, ge=0, le=LARGEST_NUMBER)


@router.get("", response={200: Listed[PromptOut]} | READS)
@allowed(FleetPermission.PROMPT_VIEW)
def list_prompts(
    request: ApiRequest, cursor: Query[Cursor], archived: bool = False
) -> dict[str, Any]:
    prompts = Prompt.objects.archived() if archived else Prompt.objects.active()
    return newest_first(prompts.prefetch_related("labels__version"), cursor)


@router.post("", response={201: PromptOut} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(FleetPermission.PROMPT_EDIT)
def create_prompt(request: ApiRequest, payload: PromptIn) -> Status[Prompt]:
    cleaned = checked(PromptForm(payload.dict())).cleaned_data
    return Status(201, actions.create(by=request.person, **cleaned))


@router.get("/{uuid:prompt_id}", response={200: PromptOut} | READS)
@allowed(FleetPermission.PROMPT_VIEW)
def get_prompt(request: ApiRequest, prompt_id: UUID) -> Prompt:
    return _prompt(prompt_id)


@router.patch("/{uuid:prompt_id}", response={200: PromptOut} | WRITES)
@allowed(FleetPermission.PROMPT_EDIT)
def change_prompt(request: ApiRequest, prompt_id: UUID, payload: PromptChange) -> Prompt:
    prompt = _prompt(prompt_id)
    now = {"name": prompt.name, "description": prompt.description}
    form = checked(PromptDetailsForm(now | payload.dict(exclude_unset=True), instance=prompt))
    actions.change(_prompt(prompt_id), **form.cleaned_data)
    return _prompt(prompt_id)


@router.post("/{uuid:prompt_id}/archive", response={200: PromptOut} | WRITES)
@allowed(FleetPermission.PROMPT_EDIT)
def archive_prompt(request: ApiRequest, prompt_id: UUID) -> Prompt:
    actions.archive(_prompt(prompt_id))
    return _prompt(prompt_id)


@router.post("/{uuid:prompt_id}/restore", response={200: PromptOut} | WRITES)
@allowed(FleetPermission.PROMPT_EDIT)
def restore_prompt(request: ApiRequest, prompt_id: UUID) -> Prompt:
    actions.restore(_prompt(prompt_id))
    return _prompt(prompt_id)


@router.delete("/{uuid:prompt_id}", response={204: None} | WRITES)
@allowed(FleetPermission.PROMPT_EDIT)
def delete_prompt(request: ApiRequest, prompt_id: UUID) -> Status[None]:
    actions.delete(_prompt(prompt_id))
    return Status(204, None)


@router.get("/{uuid:prompt_id}/versions", response={200: Listed[VersionOut]} | READS)
@allowed(FleetPermission.PROMPT_VIEW)
def list_versions(request: ApiRequest, prompt_id: UUID, cursor: Query[Cursor]) -> dict[str, Any]:
    return newest_first(_prompt(prompt_id).versions.all(), cursor, key="number")


@router.get("/{uuid:prompt_id}/versions/{int:number}", response={200: VersionOut} | READS)
@allowed(FleetPermission.PROMPT_VIEW)
def get_version(request: ApiRequest, prompt_id: UUID, number: int) -> PromptVersion:
    return get_object_or_404(_prompt(prompt_id).versions, number=number)


@router.post(
    "/{uuid:prompt_id}/versions", response={201: VersionOut} | WRITES, openapi_extra=IDEMPOTENT
)
@allowed(FleetPermission.PROMPT_EDIT)
def create_version(
    request: ApiRequest, prompt_id: UUID, payload: VersionIn
) -> Status[PromptVersion]:
    prompt = _prompt(prompt_id)
    cleaned = checked(PromptVersionForm(payload.dict())).cleaned_data
    version = actions.add_version(
        prompt,
        text=cleaned["text"],
        note=cleaned["note"],
        seen=cleaned["base"],
        by=request.person,
    )
    return Status(201, version)


@router.put("/{uuid:prompt_id}/labels/{str:name}", response={200: LabelOut} | WRITES)
@allowed(FleetPermission.PROMPT_EDIT)
def move_label(request: ApiRequest, prompt_id: UUID, name: str, payload: LabelIn) -> PromptLabel:
    """Let a label point to a version; a new label is made."""
    prompt = _prompt(prompt_id)
    form = checked(PromptLabelForm(payload.dict() | {"name": name}, prompt=prompt))
    number, seen = form.cleaned_data["version"].number, form.cleaned_data["seen"]
    return actions.move_label(prompt, name=form.cleaned_data["name"], number=number, seen=seen)


@router.post("/{uuid:prompt_id}/labels/{str:name}/roll-back", response={200: LabelOut} | WRITES)
@allowed(FleetPermission.PROMPT_EDIT)
def roll_back_label(request: ApiRequest, prompt_id: UUID, name: str) -> PromptLabel:
    """Let a label point to the version that it had before."""
    return actions.roll_back(_label(prompt_id, name))


@router.delete("/{uuid:prompt_id}/labels/{str:name}", response={204: None} | WRITES)
@allowed(FleetPermission.PROMPT_EDIT)
def remove_label(request: ApiRequest, prompt_id: UUID, name: str) -> Status[None]:
    actions.remove_label(_label(prompt_id, name))
    return Status(204, None)


def _prompt(prompt_id: UUID) -> Prompt:
    return get_object_or_404(Prompt.objects.prefetch_related("labels__version"), pk=prompt_id)


def _label(prompt_id: UUID, name: str) -> PromptLabel:
    labels = _prompt(prompt_id).labels.select_related("prompt", "version")
    if "\0" in name:
        raise Http404
    return get_object_or_404(labels, name=name)
