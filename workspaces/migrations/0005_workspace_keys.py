"""A key for each workspace, and the check value by which a start knows the master key."""

import django.db.models.deletion
import uuid_utils.compat
import workspaces.database.constraints
from django.db import migrations, models

# Append only, outside workspaces: a mistake in one can neither change the check nor add to it.
CHECK_VALUE = """
ALTER TABLE workspaces_masterkeycheck ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY every_start ON workspaces_masterkeycheck FOR SELECT TO agenhood_app USING (true);
CREATE POLICY outside_workspaces ON workspaces_masterkeycheck FOR INSERT TO agenhood_app
    WITH CHECK ((SELECT workspaces.active_id()) IS NULL);
REVOKE UPDATE, DELETE ON workspaces_masterkeycheck FROM agenhood_app;
"""
DROP_CHECK_VALUE = """
GRANT UPDATE, DELETE ON workspaces_masterkeycheck TO agenhood_app;
DROP POLICY outside_workspaces ON workspaces_masterkeycheck;
DROP POLICY every_start ON workspaces_masterkeycheck;
ALTER TABLE workspaces_masterkeycheck NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0004_audit_trail")]

    operations = [
        migrations.CreateModel(
            name="MasterKeyCheck",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("sealed", models.BinaryField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.RunSQL(CHECK_VALUE, DROP_CHECK_VALUE),
        migrations.CreateModel(
            name="WorkspaceKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("wrapped", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("destroyed_at", models.DateTimeField(editable=False, null=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    workspaces.database.constraints.WorkspaceIsolation(
                        name="workspaces_workspacekey_isolation"
                    ),
                    models.UniqueConstraint(
                        fields=("workspace",), name="workspaces_workspacekey_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("destroyed_at__isnull", False), ("wrapped", None)),
                            models.Q(("destroyed_at", None), ("wrapped__isnull", False)),
                            _connector="OR",
                        ),
                        name="workspaces_workspacekey_gone_iff_destroyed",
                    ),
                ],
            },
        ),
    ]
