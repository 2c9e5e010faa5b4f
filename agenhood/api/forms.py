"""From what a request sends to the form that the pages use."""

from typing import Any, TypeVar
from uuid import UUID

from django import forms
from django.shortcuts import get_object_or_404

from agenhood.api.problems import Invalid

F = TypeVar("F", bound=forms.BaseForm)


def checked(form: F) -> F:
    """Return the form, valid. Raises Invalid with its errors by field."""
    if not form.is_valid():
        raise Invalid(errors_of(form))
    return form


def saved(form: forms.BaseForm, done: bool) -> None:
    """Raise Invalid when an action refused a valid form: a concurrent request took the name."""
    if not done:
        raise Invalid(errors_of(form))


def locked(rows: Any, pk: UUID) -> Any:
    """Return a row to be changed, locked until the answer is made. Raises Http404."""
    return get_object_or_404(rows.select_for_update(of=("self",)), pk=pk)


def errors_of(form: forms.BaseForm) -> dict[str, list[str]]:
    return {
        "" if field == "__all__" else field: [str(error) for error in errors]
        for field, errors in form.errors.items()
    }
