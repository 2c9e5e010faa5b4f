"""Names hide nothing: in every form that has one."""

import pytest
from django import forms
from django.core.exceptions import ValidationError

from accounts.names import FIELDS, NamedForm, refuse_hidden_characters

# A label of a prompt is a slug; titles are cleaned as they are stored, since agents may write them;
# a passkey's name is its owner's alone.
OTHERS = {"PromptLabelForm", "ConversationForm", "PasskeyForm", "PasskeyNameForm"}


def all_forms(base=forms.BaseForm):
    for form in base.__subclasses__():
        yield form
        yield from all_forms(form)


@pytest.mark.parametrize(
    "name", ["\x1b[31mred", "a\u202eb", "zero\u200bwidth", "two\nlines", "tab\tbed", "\ufeffmark"]
)
def test_what_cannot_be_seen_is_refused(name):
    with pytest.raises(ValidationError, match=r"cannot be seen.*U\+"):
        refuse_hidden_characters(name)


@pytest.mark.parametrize("name", ["Ann", "Zoë 王 🐦", "نام‌خانوادگی", "👩‍🚀 crew", "a & <b>"])
def test_all_scripts_may_be_written(name):
    assert refuse_hidden_characters(name) is None


def test_every_form_of_ours_with_a_name_is_one_of_these(client):
    client.get("/sign-in/")  # the addresses, and with them the forms, are loaded
    ours = [
        form
        for form in all_forms()
        if form.__module__.split(".")[0] in ("accounts", "agenhood", "workspaces")
        and set(FIELDS) & set(getattr(form, "base_fields", {}))
    ]

    assert len(ours) > 8
    assert [
        f.__name__ for f in ours if not issubclass(f, NamedForm) and f.__name__ not in OTHERS
    ] == []
