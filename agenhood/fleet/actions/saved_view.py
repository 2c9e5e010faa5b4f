"""A person's own views of the history. Nobody else sees them, in no workspace but the one they are
of."""

from accounts.models import User
from agenhood.fleet.forms.history import SavedViewForm
from agenhood.fleet.models import SavedView
from workspaces.audit import record
from workspaces.forms import save_or_refuse

VIEWS_OF_A_PERSON = 50


def of_person(person: User) -> list[SavedView]:
    return list(SavedView.objects.filter(person=person).order_by("name", "id"))


def save(form: SavedViewForm, *, person: User) -> bool:
    """Keep what a valid form names; return False when it is refused, with the error in the form."""
    form.instance.person = person
    if SavedView.objects.filter(person=person).count() >= VIEWS_OF_A_PERSON:
        form.add_error(None, f"You have {VIEWS_OF_A_PERSON} views already: delete one first.")
        return False
    if not save_or_refuse(form):
        return False
    record("saved_view.create", form.instance, changes={"query": ("", form.instance.query)})
    return True


def delete(view: SavedView) -> None:
    record("saved_view.delete", view, changes={"query": (view.query, "")})
    view.delete()
