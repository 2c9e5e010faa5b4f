"""What agents did, and what it is found by: docs/adr/0015-search-under-row-security.md."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import uuid_utils.compat
import workspaces.database.constraints
from django.conf import settings
from django.db import migrations, models

# Of a task's texts counts their beginning: 20,000 characters of its input and of its output, 2,000
# of each of its first 2,000 events, and 100,000 of all. The conversation's title is its first
# task's. Whose the task is and how it ended stands in it as marks.
INDEX_TASK = """
CREATE FUNCTION fleet_index_task(indexed uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO fleet_searchdocument (id, workspace_id, task_id, events, vector)
    SELECT t.id, t.workspace_id, t.id, e.events, workspaces.search_vector(
               t.workspace_id, t.id,
               left(concat_ws(' ', CASE WHEN t.number = 1 THEN c.title END,
                              left(t.input, 20000), left(t.output, 20000), e.said), 100000),
               ARRAY['agent:' || t.agent_id, 'project:' || t.project_id,
                     'person:' || t.created_by_id, 'state:' || CASE
                         WHEN t.state IN ('queued', 'running') THEN 'unfinished' ELSE t.state END])
      FROM fleet_task AS t
      JOIN fleet_conversation AS c ON c.id = t.conversation_id
     CROSS JOIN LATERAL (
            SELECT COALESCE(max(number), 0) AS events,
                   string_agg(left(text, 2000), ' ' ORDER BY number)
                       FILTER (WHERE number <= 2000 AND kind NOT IN ('usage', 'state')) AS said
              FROM fleet_event WHERE task_id = t.id) AS e
     WHERE t.id = indexed
        ON CONFLICT (workspace_id, task_id)
        DO UPDATE SET events = EXCLUDED.events, vector = EXCLUDED.vector
$$;
GRANT EXECUTE ON FUNCTION fleet_index_task(uuid) TO agenhood_app;
"""

# A search reads rows, not their words, which the index has: keep these in the table beside.
WORDS_APART = "ALTER TABLE fleet_searchdocument SET (toast_tuple_target = 128)"
WORDS_TOGETHER = "ALTER TABLE fleet_searchdocument RESET (toast_tuple_target)"

# Whoever ends a task need not think of its document.
FOLLOW_STATE = """
CREATE FUNCTION fleet_index_finished_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM fleet_index_task(NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER index_finished_task AFTER UPDATE OF state ON fleet_task FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND NEW.state <> 'running')
    EXECUTE FUNCTION fleet_index_finished_task();
GRANT EXECUTE ON FUNCTION fleet_index_finished_task() TO agenhood_app;
"""
UNFOLLOW_STATE = """
DROP TRIGGER index_finished_task ON fleet_task;
DROP FUNCTION fleet_index_finished_task();
"""

# Looks into one window of time, then into the next four, sixteen …, or as many as should do by what
# was found so far, until it has `wanted` tasks: however many there are of a word, those of few
# windows are read.
# `states` are asked of the tasks themselves, where marks do not tell them apart.
FIND_TASKS = """
CREATE FUNCTION fleet_find_tasks(
    words text, marks tsquery, states text[], older_than uuid, newer_than uuid, ordering text,
    wanted integer
) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    asked tsquery := workspaces.search_words(words);
    oldest integer;
    newest integer;
    width integer := 1;
    first_window integer;
    last_window integer;
    found_now integer;
BEGIN
    IF numnode(asked) = 0 AND (words <> '' OR numnode(marks) = 0) THEN
        RETURN;
    END IF;
    SELECT workspaces.search_window(id) INTO oldest
      FROM fleet_task WHERE id > newer_than ORDER BY id LIMIT 1;
    SELECT workspaces.search_window(id) INTO newest
      FROM fleet_task WHERE id < older_than ORDER BY id DESC LIMIT 1;
    WHILE wanted > 0 AND oldest <= newest LOOP
        IF ordering = 'oldest' THEN
            first_window := oldest;
            last_window := least(oldest + width - 1, newest);
            oldest := last_window + 1;
        ELSE
            last_window := newest;
            first_window := greatest(newest - width + 1, oldest);
            newest := first_window - 1;
        END IF;
        PERFORM set_config('agenhood.search', workspaces.search_within(
            asked && marks, first_window, last_window), true);
        RETURN QUERY EXECUTE
            'SELECT d.task_id FROM fleet_searchdocument AS d
              WHERE d.task_id > $1 AND d.task_id < $2
                AND ($3 IS NULL OR EXISTS (SELECT FROM fleet_task AS t
                                            WHERE t.id = d.task_id AND t.state = ANY ($3)))'
            || CASE ordering WHEN 'newest' THEN ' ORDER BY d.task_id DESC'
                             WHEN 'oldest' THEN ' ORDER BY d.task_id' ELSE '' END
            || ' LIMIT $4'
            USING newer_than, older_than, states, wanted;
        GET DIAGNOSTICS found_now = ROW_COUNT;
        wanted := wanted - found_now;
        width := least(width * 4, ceil(width * wanted / greatest(found_now, 0.1)));
    END LOOP;
    PERFORM set_config('agenhood.search', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION
    fleet_find_tasks(text, tsquery, text[], uuid, uuid, text, integer) TO agenhood_app;
"""
DROP_FIND_TASKS = """
DROP FUNCTION fleet_find_tasks(text, tsquery, text[], uuid, uuid, text, integer)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("fleet", "0004_agents"),
        ("workspaces", "0010_search"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Conversation",
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
                ("title", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("archived_at", models.DateTimeField(editable=False, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="conversations",
                        to="fleet.agent",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
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
            },
        ),
        migrations.CreateModel(
            name="SavedView",
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
                ("query", models.CharField(editable=False, max_length=2000)),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
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
            },
        ),
        migrations.CreateModel(
            name="Task",
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
                ("number", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("timed_out", "Timed out"),
                        ],
                        default="queued",
                        max_length=9,
                    ),
                ),
                ("state_reason", models.CharField(blank=True, max_length=500)),
                ("input", models.TextField(max_length=100000)),
                ("output", models.TextField(blank=True)),
                ("agent_revision", models.PositiveIntegerField()),
                ("attempt", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("input_tokens", models.PositiveBigIntegerField(default=0)),
                ("output_tokens", models.PositiveBigIntegerField(default=0)),
                ("cost_micros", models.PositiveBigIntegerField(default=0)),
                (
                    "agent",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tasks",
                        to="fleet.agent",
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tasks",
                        to="fleet.conversation",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tasks",
                        to="fleet.project",
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
            },
        ),
        migrations.CreateModel(
            name="SearchDocument",
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
                ("events", models.PositiveIntegerField(default=0)),
                ("vector", django.contrib.postgres.search.SearchVectorField()),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="fleet.task",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Event",
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
                ("number", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("message", "Message"),
                            ("tool_call", "Tool call"),
                            ("tool_result", "Tool result"),
                            ("output", "Output"),
                            ("file_change", "File change"),
                            ("usage", "Usage"),
                            ("state", "State"),
                            ("error", "Error"),
                        ],
                        max_length=11,
                    ),
                ),
                ("text", models.TextField(blank=True)),
                ("data", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField()),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="fleet.task",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Artifact",
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
                ("path", models.CharField(max_length=400)),
                ("size", models.PositiveBigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("content_type", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
                (
                    "task",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="artifacts",
                        to="fleet.task",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddField(
            model_name="credential",
            name="last_used_by",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="fleet.task",
            ),
        ),
        migrations.AddConstraint(
            model_name="credential",
            constraint=workspaces.database.constraints.SameWorkspace(
                "last_used_by", name="fleet_credential_last_used_by_workspace", on_delete="SET NULL"
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["workspace", "-id"], name="fleet_conversation_newest"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                fields=["workspace", "agent", "-id"], name="fleet_conversation_agent"
            ),
        ),
        migrations.AddConstraint(
            model_name="conversation",
            constraint=workspaces.database.constraints.WorkspaceIsolation(
                name="fleet_conversation_isolation"
            ),
        ),
        migrations.AddConstraint(
            model_name="conversation",
            constraint=workspaces.database.constraints.SameWorkspace(
                "agent", name="fleet_conversation_agent_workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=workspaces.database.constraints.WorkspaceIsolation(
                name="fleet_savedview_isolation"
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                fields=("workspace", "person", "name"),
                name="fleet_savedview_once",
                violation_error_message="You already have a view of that name.",
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["workspace", "-id"], name="fleet_task_newest"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["workspace", "agent", "-id"], name="fleet_task_agent"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["workspace", "project", "-id"], name="fleet_task_project"),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                fields=["workspace", "state", "-id"], name="fleet_task_state_newest"
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["workspace", "created_by", "-id"], name="fleet_task_person"),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=workspaces.database.constraints.WorkspaceIsolation(
                name="fleet_task_isolation"
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=workspaces.database.constraints.SameWorkspace(
                "conversation", name="fleet_task_conversation_workspace", on_delete="CASCADE"
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=workspaces.database.constraints.SameWorkspace(
                "agent", name="fleet_task_agent_workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=workspaces.database.constraints.SameWorkspace(
                "project", name="fleet_task_project_workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.UniqueConstraint(
                fields=("workspace", "conversation", "number"), name="fleet_task_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        ["queued", "running", "succeeded", "failed", "cancelled", "timed_out"],
                    )
                ),
                name="fleet_task_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=workspaces.database.constraints.WorkspaceIsolation(
                name="fleet_event_isolation"
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=workspaces.database.constraints.SameWorkspace(
                "task", name="fleet_event_task_workspace", on_delete="CASCADE"
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(
                fields=("workspace", "task", "number"), name="fleet_event_number"
            ),
        ),
        migrations.AddIndex(
            model_name="artifact",
            index=models.Index(fields=["workspace", "-id"], name="fleet_artifact_newest"),
        ),
        migrations.AddConstraint(
            model_name="artifact",
            constraint=workspaces.database.constraints.WorkspaceIsolation(
                name="fleet_artifact_isolation"
            ),
        ),
        migrations.AddConstraint(
            model_name="artifact",
            constraint=workspaces.database.constraints.SameWorkspace(
                "task", name="fleet_artifact_task_workspace", on_delete="CASCADE"
            ),
        ),
        migrations.AddConstraint(
            model_name="artifact",
            constraint=models.UniqueConstraint(
                fields=("workspace", "task", "path"), name="fleet_artifact_path"
            ),
        ),
        migrations.AddIndex(
            model_name="searchdocument",
            index=django.contrib.postgres.indexes.GinIndex(
                fastupdate=False, fields=["vector"], name="fleet_searchdocument_words"
            ),
        ),
        migrations.AddConstraint(
            model_name="searchdocument",
            constraint=workspaces.database.constraints.WorkspaceIsolation(
                name="fleet_searchdocument_isolation"
            ),
        ),
        migrations.AddConstraint(
            model_name="searchdocument",
            constraint=workspaces.database.constraints.SameWorkspace(
                "task", name="fleet_searchdocument_task_workspace", on_delete="CASCADE"
            ),
        ),
        migrations.AddConstraint(
            model_name="searchdocument",
            constraint=workspaces.database.constraints.FoundBySearch(
                name="fleet_searchdocument_search"
            ),
        ),
        migrations.AddConstraint(
            model_name="searchdocument",
            constraint=models.UniqueConstraint(
                fields=("workspace", "task"), name="fleet_searchdocument_once"
            ),
        ),
        migrations.RunSQL(WORDS_APART, WORDS_TOGETHER),
        migrations.RunSQL(INDEX_TASK, "DROP FUNCTION fleet_index_task(uuid)"),
        migrations.RunSQL(FOLLOW_STATE, UNFOLLOW_STATE),
        migrations.RunSQL(FIND_TASKS, DROP_FIND_TASKS),
    ]
