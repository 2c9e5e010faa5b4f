"""Answering what an agent asks first. In a workspace's scope."""

from django.utils import timezone

from accounts.models import User
from agenhood.fleet import live, queue
from agenhood.fleet.models import Approval, Task
from workspaces.audit import record

State = Approval.State


class ApprovalRefused(Exception):
    """The answer comes too late; the message says why, for the person who gave it."""


def decide(approval: Approval, *, allow: bool, by: User, note: str = "") -> bool:
    """Allow or deny a tool call; return whether this call did: False for the same answer again.

    `note` is what the model is told of a denial. With the last answer that it waits for, the task
    goes on. Raises ApprovalRefused when it does not wait any more, or somebody has answered
    otherwise.
    """
    # The task's lock first: of two answers at once, one sees that it is the last.
    task: Task = Task.objects.select_for_update(of=["self"], no_key=True).get(pk=approval.task_id)
    approval.refresh_from_db(fields=["state", "note", "decided_by", "decided_at"])
    wanted = State.ALLOWED if allow else State.DENIED
    if approval.state == wanted:
        return False
    if approval.state == State.VOID or task.state not in Task.UNFINISHED:
        raise ApprovalRefused("The task has ended: nobody waits for this answer any more.")
    if approval.state != State.PENDING:
        said = "allowed" if approval.state == State.ALLOWED else "denied"
        raise ApprovalRefused(f"Somebody has {said} this already.")
    approval.state, approval.note = wanted, note
    approval.decided_by, approval.decided_at = by, timezone.now()
    approval.save(update_fields=["state", "note", "decided_by", "decided_at"])
    verb = "allow" if allow else "deny"
    changes = {"state": (State.PENDING, wanted), "task": (None, str(task.pk))}
    record(f"approval.{verb}", approval, changes=changes, reason=note)
    if not Approval.objects.filter(task=task, state=State.PENDING).exists():
        queue.enqueue(task)
    live.tell(task)
    return True
