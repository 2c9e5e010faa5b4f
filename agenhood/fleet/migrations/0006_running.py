"""Running agents: schedules, approvals, transcripts, prices, and what a task remembers of its run.

0007 adds what takes long on a large history, without holding up anybody.
"""

from importlib import import_module

import django.core.validators
import django.db.models.deletion
import uuid_utils.compat
import workspaces.database.constraints
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

history = import_module("agenhood.fleet.migrations.0005_history")

# A task that waits for somebody's answer is as unfinished as one that runs.
REPLACE = "CREATE OR REPLACE FUNCTION"
INDEX_TASK = history.INDEX_TASK.replace("CREATE FUNCTION", REPLACE).replace(
    "('queued', 'running')", "('queued', 'running', 'waiting')"
)
FOLLOW_STATE = history.UNFOLLOW_STATE + history.FOLLOW_STATE.replace(
    "NEW.state <> 'running'", "NEW.state NOT IN ('running', 'waiting')"
)


class Migration(migrations.Migration):
    dependencies = [
        ("fleet", "0005_history"),
        ("workspaces", "0011_task_limits"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Approval",
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
                ("call", models.CharField(max_length=200)),
                ("tool", models.CharField(max_length=40)),
                ("arguments", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("allowed", "Allowed"),
                            ("denied", "Denied"),
                            ("void", "Void"),
                        ],
                        default="pending",
                        max_length=7,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ModelPrice",
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
                ("model", models.CharField(max_length=100)),
                ("input_micros", models.PositiveBigIntegerField(verbose_name="input tokens")),
                ("output_micros", models.PositiveBigIntegerField(verbose_name="output tokens")),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Schedule",
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
                ("name", models.CharField(max_length=60)),
                ("input", models.TextField(max_length=100000)),
                ("cron", models.CharField(blank=True, max_length=100)),
                ("once_at", models.DateTimeField(blank=True, null=True)),
                ("time_zone", models.CharField(default="UTC", max_length=64)),
                (
                    "overlap",
                    models.CharField(
                        choices=[("skip", "Skip it"), ("queue", "Queue it")],
                        default="skip",
                        max_length=5,
                        verbose_name="if the last task still runs",
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True, editable=False)),
                ("disabled_reason", models.CharField(blank=True, editable=False, max_length=200)),
                ("next_at", models.DateTimeField(editable=False, null=True)),
                ("last_at", models.DateTimeField(editable=False, null=True)),
                ("job", models.BigIntegerField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Transcript",
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
                ("messages", models.JSONField(default=list)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        # Checked against the rows that are there by 0007.
        migrations.RemoveConstraint(model_name="task", name="fleet_task_state"),
        AddConstraintNotValid(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "queued",
                            "running",
                            "waiting",
                            "succeeded",
                            "failed",
                            "cancelled",
                            "timed_out",
                        ],
                    )
                ),
                name="fleet_task_state",
            ),
        ),
        migrations.RunSQL(INDEX_TASK, history.INDEX_TASK.replace("CREATE FUNCTION", REPLACE)),
        migrations.RunSQL(FOLLOW_STATE, history.UNFOLLOW_STATE + history.FOLLOW_STATE),
        migrations.AddField(
            model_name="agent",
            name="max_attempts",
            field=models.PositiveIntegerField(
                db_default=2,
                default=2,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(5),
                ],
            ),
        ),
        migrations.AddField(
            model_name="agent",
            name="max_cost_cents",
            field=models.PositiveIntegerField(
                db_default=500,
                default=500,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000000),
                ],
            ),
        ),
        migrations.AddField(
            model_name="agent",
            name="output_schema",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="task",
            name="cancel_requested_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="task",
            name="cancel_requested_by",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="is_stopped_by_force",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="task",
            name="job",
            field=models.BigIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="task",
            name="retry_of",
            field=models.PositiveIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="task",
            name="submission",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="task",
            name="worker",
            field=models.CharField(blank=True, db_default="", editable=False, max_length=100),
        ),
        migrations.AlterField(
            model_name="task",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("running", "Running"),
                    ("waiting", "Waiting for approval"),
                    ("succeeded", "Succeeded"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                    ("timed_out", "Timed out"),
                ],
                default="queued",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="approval",
            name="decided_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="approval",
            name="task",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="approvals",
                to="fleet.task",
            ),
        ),
        migrations.AddField(
            model_name="approval",
            name="workspace",
            field=models.ForeignKey(
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="workspaces.workspace",
            ),
        ),
        migrations.AddField(
            model_name="modelprice",
            name="workspace",
            field=models.ForeignKey(
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="workspaces.workspace",
            ),
        ),
        migrations.AddField(
            model_name="schedule",
            name="acts_as",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="schedule",
            name="agent",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="schedules",
                to="fleet.agent",
            ),
        ),
        migrations.AddField(
            model_name="schedule",
            name="workspace",
            field=models.ForeignKey(
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="workspaces.workspace",
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="schedule",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="tasks",
                to="fleet.schedule",
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=workspaces.database.constraints.SameWorkspace(
                "schedule", name="fleet_task_schedule_workspace", on_delete="SET NULL"
            ),
        ),
        migrations.AddField(
            model_name="transcript",
            name="task",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="transcripts",
                to="fleet.task",
            ),
        ),
        migrations.AddField(
            model_name="transcript",
            name="workspace",
            field=models.ForeignKey(
                editable=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="workspaces.workspace",
            ),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["workspace", "-id"],
                name="fleet_approval_pending",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=workspaces.database.constraints.WorkspaceIsolation(
                name="fleet_approval_isolation"
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=workspaces.database.constraints.SameWorkspace(
                "task", name="fleet_approval_task_workspace", on_delete="CASCADE"
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                fields=("workspace", "task", "call"), name="fleet_approval_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "allowed", "denied", "void"])),
                name="fleet_approval_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="modelprice",
            constraint=workspaces.database.constraints.WorkspaceIsolation(
                name="fleet_modelprice_isolation"
            ),
        ),
        migrations.AddConstraint(
            model_name="modelprice",
            constraint=workspaces.database.constraints.UniquePerWorkspace(
                "model",
                name="fleet_modelprice_model_unique",
                violation_error_message="This model has a price already: change that one.",
            ),
        ),
        migrations.AddIndex(
            model_name="schedule",
            index=models.Index(fields=["workspace", "agent"], name="fleet_schedule_agent"),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=workspaces.database.constraints.WorkspaceIsolation(
                name="fleet_schedule_isolation"
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=workspaces.database.constraints.SameWorkspace(
                "agent", name="fleet_schedule_agent_workspace", on_delete="CASCADE"
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=workspaces.database.constraints.UniquePerWorkspace(
                "name",
                name="fleet_schedule_name_unique",
                violation_error_message="This workspace already has a schedule of that name.",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("cron", ""), ("once_at", None), _connector="XOR"),
                name="fleet_schedule_cron_or_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="transcript",
            constraint=workspaces.database.constraints.WorkspaceIsolation(
                name="fleet_transcript_isolation"
            ),
        ),
        migrations.AddConstraint(
            model_name="transcript",
            constraint=workspaces.database.constraints.SameWorkspace(
                "task", name="fleet_transcript_task_workspace", on_delete="CASCADE"
            ),
        ),
        migrations.AddConstraint(
            model_name="transcript",
            constraint=models.UniqueConstraint(
                fields=("workspace", "task"), name="fleet_transcript_once"
            ),
        ),
    ]
