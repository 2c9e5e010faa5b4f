"""A kind of export for tests: the names of projects."""

from collections.abc import Iterator
from typing import Any

from django.http import QueryDict

from agenhood.fleet.models import Project
from agenhood.fleet.permissions import FleetPermission
from workspaces.exports import in_batches, register


def rows(query: QueryDict) -> Iterator[dict[str, Any]]:
    projects = Project.objects.named_like(query.get("q", ""))
    for project in in_batches(projects, int(query.get("size", 500))):
        yield {"name": project.name, "created_at": project.created_at, "archived": False}


register("probe", permission=FleetPermission.PROJECT_EDIT, rows=rows, page="fleet:project-list")
