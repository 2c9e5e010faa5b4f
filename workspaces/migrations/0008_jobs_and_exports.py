"""The queue's functions for the console's role, and exports.

Functions in `public` are nobody's to run unless a migration says so. A new release of procrastinate
that brings new ones needs a migration as this one.
"""

import django.db.models.deletion
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

import workspaces.database.constraints

EACH_FUNCTION = """
DO $$
DECLARE
    signature regprocedure;
BEGIN
    FOR signature IN
        SELECT p.oid::regprocedure FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'procrastinate\\_%%'
    LOOP
        EXECUTE pg_catalog.format('{statement}', signature);
    END LOOP;
END
$$;
"""
GRANT = EACH_FUNCTION.format(statement="GRANT EXECUTE ON FUNCTION %s TO agenhood_app")
REVOKE = EACH_FUNCTION.format(statement="REVOKE EXECUTE ON FUNCTION %s FROM agenhood_app")


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0007_tokens"),
        ("procrastinate", "0041_post_retry_failed_job"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(GRANT, REVOKE),
        migrations.CreateModel(
            name="Export",
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
                ("kind", models.CharField(max_length=40)),
                ("query", models.CharField(blank=True, max_length=2000)),
                (
                    "format",
                    models.CharField(choices=[("ndjson", "NDJSON"), ("csv", "CSV")], max_length=6),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                            ("refused", "Refused"),
                            ("expired", "Expired"),
                        ],
                        default="queued",
                        max_length=7,
                    ),
                ),
                ("error", models.CharField(blank=True, max_length=200)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("rows", models.PositiveBigIntegerField(default=0)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("file", models.CharField(blank=True, max_length=100)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                (
                    "requested_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                "indexes": [
                    models.Index(
                        fields=["workspace", "requested_by", "-id"],
                        name="workspaces_export_newest",
                    ),
                    models.Index(fields=["workspace", "state"], name="workspaces_export_state_idx"),
                ],
                "constraints": [
                    workspaces.database.constraints.WorkspaceIsolation(
                        name="workspaces_export_isolation"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["queued", "running", "ready", "failed", "refused", "expired"],
                            )
                        ),
                        name="workspaces_export_state",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "ready"), _negated=True),
                            models.Q(
                                models.Q(("file", ""), _negated=True),
                                ("expires_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="workspaces_export_ready_has_file",
                    ),
                ],
            },
        ),
    ]
