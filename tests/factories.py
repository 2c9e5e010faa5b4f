"""Rows for tests. Each factory enters the scope that its row needs, so that one test can build both
sides of a boundary."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from accounts.models import User
from accounts.provisioning import account_for
from agenhood.fleet.models import Project
from workspaces.models import Membership, Workspace
from workspaces.provisioning import provision_workspace
from workspaces.roles import Role
from workspaces.scope import platform_scope, workspace_scope


class UserFactory(DjangoModelFactory):
    """A person; `password` gives them one, else they can only be signed in by `force_login`."""

    class Meta:
        model = User

    email = factory.Sequence("person-{}@example.test".format)
    name = factory.Sequence("Person {}".format)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> User:
        email, name = kwargs.pop("email"), kwargs.pop("name")
        password = kwargs.pop("password", None)
        with platform_scope("test data"):
            user, _is_new = account_for(email, name)
            for field, value in kwargs.items():
                setattr(user, field, value)
            if password:
                user.set_password(password)
            user.save()
        return user


class WorkspaceFactory(DjangoModelFactory):
    """A workspace with an owner nobody asks for, as every workspace has one."""

    class Meta:
        model = Workspace

    name = factory.Sequence("Workspace {}".format)
    slug = factory.Sequence("workspace-{}".format)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Workspace:
        workspace = Workspace(**kwargs)
        owner = f"owner@{workspace.slug}.example.test"
        return provision_workspace(workspace, owner).workspace


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = Membership

    workspace = factory.SubFactory(WorkspaceFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.VIEWER

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Membership:
        with platform_scope("test data"):
            return Membership.objects.create(**kwargs)


class WorkspaceOwnedFactory(DjangoModelFactory):
    class Meta:
        abstract = True

    workspace = factory.SubFactory(WorkspaceFactory)

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Any:
        with workspace_scope(kwargs["workspace"].pk):
            return super()._create(model_class, *args, **kwargs)


class ProjectFactory(WorkspaceOwnedFactory):
    class Meta:
        model = Project

    name = factory.Sequence("project-{}".format)
