"""What the platform does to a workspace, on that workspace's own trail."""

from typing import Any

from accounts.models import User
from workspaces.audit.trail import record
from workspaces.models import Membership


def record_change(form: Any) -> None:
    """Record what the form for a workspace has changed."""
    if not form.changed_data:
        return
    action = "workspace.change"
    if "suspended" in form.changed_data:
        action = "workspace.suspend" if form.cleaned_data["suspended"] else "workspace.reactivate"
    changes = {
        name: (form.get_initial_for_field(form.fields[name], name), form.cleaned_data[name])
        for name in form.changed_data
    }
    record(action, form.instance, changes=changes)


def record_removals(formset: Any) -> None:
    """Record whom a formset of members will remove; call it before they are."""
    for form in formset.deleted_forms:
        if form.instance.pk:
            record("member.remove", form.instance, changes={"role": (form.initial["role"], None)})


def record_saved(formset: Any) -> None:
    """Record whom a formset of members has added or changed."""
    for member in formset.new_objects:
        record("member.create", member, changes={"role": (None, member.role)})
    initial = {form.instance.pk: form.initial for form in formset.initial_forms}
    for member, fields in formset.changed_objects:
        before = initial[member.pk]
        changes = {}
        if "role" in fields:
            changes["role"] = (before["role"], member.role)
        if "user" in fields:
            changes["person"] = (User.objects.get(pk=before["user"]).email, member.user.email)
        record("member.change", member, changes=changes)


def record_standing(user: User, *, was_active: bool) -> None:
    """Record that an account was closed or reopened, in every workspace that it belongs to."""
    if user.is_active == was_active:
        return
    action = "member.reactivate" if user.is_active else "member.deactivate"
    for membership in Membership.objects.filter(user=user).select_related("user"):
        record(action, membership)
