from django.db import connection
from django.db.models.functions import Lower

from agenhood.fleet.models import Project
from tests.factories import ProjectFactory
from workspaces.scope import workspace_scope


def test_the_project_list_needs_nothing_but_its_index(db):
    """A column that the list shows and the index lacks costs a page of the table for each row."""
    project = ProjectFactory()

    with workspace_scope(project.workspace_id):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        plan = Project.objects.active().order_by(Lower("name")).explain()

    assert "Index Only Scan using fleet_project_name_unique" in plan
