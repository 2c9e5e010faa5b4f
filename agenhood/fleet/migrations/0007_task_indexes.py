"""Indexes of the queue and of schedules, built while people work: so not in one transaction.

Whoever runs it again after a failure removes what is half built first: an invalid index of its name.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models

ONE_SUBMISSION = """
CREATE UNIQUE INDEX CONCURRENTLY fleet_task_submission ON fleet_task (workspace_id, submission)
"""
AS_CONSTRAINT = """
ALTER TABLE fleet_task ADD CONSTRAINT fleet_task_submission
    UNIQUE USING INDEX fleet_task_submission
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("fleet", "0006_running")]

    operations = [
        ValidateConstraint(model_name="task", name="fleet_task_state"),
        AddIndexConcurrently(
            model_name="task",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running", "waiting"])),
                fields=["workspace", "agent", "id"],
                name="fleet_task_unfinished",
            ),
        ),
        AddIndexConcurrently(
            model_name="task",
            index=models.Index(
                condition=models.Q(("schedule__isnull", False)),
                fields=["workspace", "schedule", "-id"],
                name="fleet_task_schedule",
            ),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    [ONE_SUBMISSION, AS_CONSTRAINT],
                    "ALTER TABLE fleet_task DROP CONSTRAINT fleet_task_submission",
                )
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="task",
                    constraint=models.UniqueConstraint(
                        fields=("workspace", "submission"), name="fleet_task_submission"
                    ),
                )
            ],
        ),
    ]
