"""`manage.py check` fails on a model that forgets any part of its isolation."""

import itertools
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import models
from django.test.utils import isolate_apps

from agenhood.fleet.models import Project
from workspaces import checks
from workspaces.checks import check_model
from workspaces.database.constraints import SameWorkspace, UniquePerWorkspace
from workspaces.managers import ScopedManager
from workspaces.models import Membership, WorkspaceOwned

OWN = WorkspaceOwned.Meta.constraints
LABEL = "workspaces"
count = itertools.count()


def define(
    constraints: list[Any] | None = None,
    base: Any = WorkspaceOwned,
    meta: Any = None,
    **fields: Any,
) -> Any:
    """Return a model as an author would write it; without `constraints`, it inherits them."""
    options: dict[str, Any] = {"app_label": LABEL, **(meta or {})}
    if constraints is not None:
        options["constraints"] = constraints
    parent = (
        base.Meta if issubclass(base, WorkspaceOwned) and not (meta or {}).get("proxy") else object
    )
    body = {"__module__": __name__, "Meta": type("Meta", (parent,), options), **fields}
    return type(f"Thing{next(count)}", (base,), body)


def numbers(model: Any) -> list[str]:
    return sorted({str(fault.id).removeprefix("workspaces.") for fault in check_model(model)})


def key(to: Any = Project, **options: Any) -> Any:
    return models.ForeignKey(to, models.CASCADE, related_name="+", **options)


def plain_queryset_manager() -> Any:
    return ScopedManager.from_queryset(models.QuerySet)()


@isolate_apps("workspaces")
def test_a_model_as_the_documents_show_it_is_fine():
    model = define(
        [*OWN, SameWorkspace("project"), UniquePerWorkspace("name")],
        project=key(db_constraint=False),
        name=models.CharField(max_length=9),
        made_by=key(settings.AUTH_USER_MODEL),
    )

    assert numbers(model) == []


FAULTS: dict[str, tuple[str, Any]] = {
    "no base": ("E001", lambda: define(base=models.Model)),
    "no policy": ("E002", lambda: define([])),
    "a plain manager": ("E003", lambda: define(objects=models.Manager())),
    "a second, plain manager": (
        "E003",
        lambda: define(objects=ScopedManager(), everything=models.Manager()),
    ),
    "a plain queryset": ("E003", lambda: define(objects=plain_queryset_manager())),
    "a key without its workspace": ("E004", lambda: define(project=key(db_constraint=False))),
    "a plain key": ("E005", lambda: define([*OWN, SameWorkspace("project")], project=key())),
    "a plain key to a membership": (
        "E005",
        lambda: define([*OWN, SameWorkspace("member")], member=key(Membership)),
    ),
    "an automatic many-to-many": ("E006", lambda: define(projects=models.ManyToManyField(Project))),
    "a unique field": ("E007", lambda: define(name=models.CharField(max_length=9, unique=True))),
    "a one-to-one": (
        "E007",
        lambda: define(
            [*OWN, SameWorkspace("project")],
            project=models.OneToOneField(Project, models.CASCADE, db_constraint=False),
        ),
    ),
    "a unique constraint": (
        "E008",
        lambda: define(
            [*OWN, models.UniqueConstraint(fields=["name"], name="thing_name")],
            name=models.CharField(max_length=9),
        ),
    ),
    "unique together": (
        "E008",
        lambda: define(
            meta={"unique_together": [("a", "b")]},
            a=models.IntegerField(),
            b=models.IntegerField(),
        ),
    ),
    "a counter as its id": ("E010", lambda: define(id=models.BigAutoField(primary_key=True))),
}


@pytest.mark.parametrize("fault", FAULTS)
@isolate_apps("workspaces")
def test_a_model_that_forgets_something_is_told_so(fault):
    number, make = FAULTS[fault]

    assert numbers(make()) == [number]


@isolate_apps("workspaces")
def test_what_all_share_does_not_refer_to_what_a_workspace_owns(settings):
    settings.WORKSPACES_SHARED_APPS = [LABEL]

    assert numbers(define(base=models.Model, project=key())) == ["E009"]
    assert numbers(define(base=models.Model, ps=models.ManyToManyField(Project))) == ["E009"]
    assert numbers(define(base=models.Model, maker=key(settings.AUTH_USER_MODEL))) == []
    assert numbers(define([])) == ["E002"]  # owned, whatever its app


@isolate_apps("workspaces")
def test_a_proxy_needs_no_table_of_its_own_but_its_managers_count():
    assert numbers(define(base=Project, meta={"proxy": True})) == []
    plain = define(base=Project, meta={"proxy": True}, everything=models.Manager())
    assert numbers(plain) == ["E003"]


def test_all_models_of_the_console_are_fine():
    assert checks.check_models() == []


@isolate_apps("workspaces")
def test_the_command_fails_on_such_a_model(monkeypatch):
    thing = define([])
    monkeypatch.setattr(checks.apps, "get_models", lambda **_: [Project, thing])

    with pytest.raises(SystemCheckError, match=r"workspaces\.E002.*Thing.* has no row security"):
        call_command("check", tags=["workspaces"])
