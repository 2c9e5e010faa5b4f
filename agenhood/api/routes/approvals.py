from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema

from agenhood.api.access import ApiRequest, allowed, person_of
from agenhood.api.forms import checked
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import READS, WRITES
from agenhood.fleet.actions import approval as actions
from agenhood.fleet.forms.task import ApprovalForm
from agenhood.fleet.models import Approval
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Approvals"])

NOBODYS = "An agent that asks first asks people: answer with a person's token."
State = Literal["pending", "allowed", "denied", "void"]


class ApprovalOut(Schema):
    """A tool call that a task asks about first. `note` is what the agent was told of a denial."""

    id: UUID
    task_id: UUID
    tool: str
    arguments: Any
    state: State
    note: str
    created_at: datetime
    decided_at: datetime | None


class Decision(Schema):
    decision: Literal["allow", "deny"]
    note: str = Field("", max_length=500)


@router.get("", response={200: Listed[ApprovalOut]} | READS)
@allowed(FleetPermission.HISTORY_VIEW)
def list_approvals(
    request: ApiRequest, cursor: Query[Cursor], state: State = "pending", task: UUID | None = None
) -> dict[str, Any]:
    """List what waits for an answer, or what has got one when asked for by `state`."""
    approvals = Approval.objects.filter(state=state)
    if task:
        approvals = approvals.filter(task_id=task)
    return newest_first(approvals, cursor)


@router.get("/{uuid:approval_id}", response={200: ApprovalOut} | READS)
@allowed(FleetPermission.HISTORY_VIEW)
def get_approval(request: ApiRequest, approval_id: UUID) -> Approval:
    return get_object_or_404(Approval.objects, pk=approval_id)


@router.post("/{uuid:approval_id}/decide", response={200: ApprovalOut} | WRITES)
@allowed(FleetPermission.TASK_RUN)
def decide_approval(request: ApiRequest, approval_id: UUID, payload: Decision) -> Approval:
    """Allow or deny it. With the last answer that it waits for, the task goes on."""
    person = person_of(request, NOBODYS)
    approval = get_object_or_404(Approval.objects, pk=approval_id)
    form = checked(ApprovalForm(payload.dict()))
    actions.decide(approval, allow=form.allows, by=person, note=form.cleaned_data["note"])
    return approval
