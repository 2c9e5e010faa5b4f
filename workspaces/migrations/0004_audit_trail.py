"""The audit trail: entries that the database numbers, chains and lets nobody change."""

import django.db.models.deletion
import uuid_utils.compat
import workspaces.database.constraints
from django.db import migrations, models

# The database numbers and chains the entries, so that whoever inserts one cannot put it elsewhere.
# The lock on the head puts the entries of one workspace in line; another one's has another head.
# audit_text is what the hash is of: a JSON list of texts, so that no two entries have the same.
# workspaces/audit/verify.py builds it once more, on its own.
CHAIN = """
CREATE FUNCTION workspaces.audit_text(entry workspaces_auditentry) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT json_build_array(
        entry.workspace_id::text, entry.number::text, encode(entry.previous_hash, 'hex'),
        to_char(entry.time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), entry.id::text,
        entry.actor_kind, entry.actor_id, entry.actor_label, entry.on_behalf_of,
        entry.token_prefix, entry.session, entry.action, entry.target_kind, entry.target_id,
        entry.target_label, entry.outcome, entry.reason, COALESCE(host(entry.ip), ''),
        entry.user_agent, entry.request_id, entry.changes::text
    )::text
$$;

CREATE FUNCTION workspaces.chain_audit_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head record;
BEGIN
    LOOP
        SELECT h.number, h.time, h.hash INTO head FROM public.workspaces_audithead AS h
         WHERE h.workspace_id = NEW.workspace_id FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO public.workspaces_audithead (id, workspace_id, number, time, hash)
        VALUES (gen_random_uuid(), NEW.workspace_id, 0, 'epoch', decode(repeat('00', 32), 'hex'))
        ON CONFLICT DO NOTHING;
    END LOOP;
    NEW.number := head.number + 1;
    NEW.time := greatest(clock_timestamp(), head.time);
    NEW.previous_hash := head.hash;
    NEW.hash := sha256(convert_to(workspaces.audit_text(NEW), 'UTF8'));
    UPDATE public.workspaces_audithead SET number = NEW.number, time = NEW.time, hash = NEW.hash
     WHERE workspace_id = NEW.workspace_id;
    RETURN NEW;
END
$$;
CREATE TRIGGER chain_audit_entry BEFORE INSERT ON workspaces_auditentry FOR EACH ROW
    EXECUTE FUNCTION workspaces.chain_audit_entry();

-- A function for its plan, which is kept: planning the insert takes longer than the insert.
CREATE FUNCTION workspaces.add_audit_entries(entries jsonb)
RETURNS TABLE (number bigint, "time" timestamptz, hash bytea) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY INSERT INTO public.workspaces_auditentry AS e (
        id, workspace_id, ip, changes, actor_kind, actor_id, actor_label, on_behalf_of, token_prefix,
        session, action, target_kind, target_id, target_label, outcome, reason, user_agent, request_id,
        number, time, previous_hash, hash
    )
    SELECT r.id, r.workspace_id, r.ip, r.changes, r.actor_kind, r.actor_id, r.actor_label, r.on_behalf_of, r.token_prefix,
        r.session, r.action, r.target_kind, r.target_id, r.target_label,
        r.outcome, r.reason, r.user_agent, r.request_id, 0, now(), '', ''
      FROM jsonb_to_recordset(entries) AS r(
        id uuid, workspace_id uuid, ip inet, changes jsonb, actor_kind text, actor_id text,
        actor_label text, on_behalf_of text, token_prefix text, session text, action text,
        target_kind text, target_id text, target_label text, outcome text, reason text,
        user_agent text, request_id text
    ) RETURNING e.number, e.time, e.hash;
END
$$;

CREATE FUNCTION workspaces.guard_audit_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'only an entry moves the head of an audit trail';
END
$$;
CREATE TRIGGER guard_audit_head BEFORE INSERT OR UPDATE ON workspaces_audithead FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION workspaces.guard_audit_head();
"""
DROP_CHAIN = """
DROP FUNCTION workspaces.add_audit_entries(jsonb);
DROP TRIGGER guard_audit_head ON workspaces_audithead;
DROP FUNCTION workspaces.guard_audit_head();
DROP TRIGGER chain_audit_entry ON workspaces_auditentry;
DROP FUNCTION workspaces.chain_audit_entry();
DROP FUNCTION workspaces.audit_text(workspaces_auditentry);
"""

# Nobody who serves a request changes or removes an entry; the platform adds them and reads none.
# A stub's signature alone is written anew, by whoever rotates the master key.
GRANTS = """
REVOKE UPDATE, DELETE ON workspaces_auditentry FROM agenhood_app;
REVOKE UPDATE, DELETE ON workspaces_audithead FROM agenhood_app;
REVOKE INSERT, UPDATE, DELETE ON workspaces_auditstub FROM agenhood_app;
GRANT UPDATE (number, time, hash) ON workspaces_audithead TO agenhood_app, agenhood_platform;
GRANT UPDATE (signature) ON workspaces_auditstub TO agenhood_app;
GRANT INSERT ON workspaces_auditentry TO agenhood_platform;
GRANT SELECT, INSERT ON workspaces_audithead TO agenhood_platform;
"""
NO_GRANTS = """
REVOKE ALL ON workspaces_auditentry, workspaces_audithead FROM agenhood_platform;
GRANT SELECT, INSERT, UPDATE, DELETE
   ON workspaces_auditentry, workspaces_audithead, workspaces_auditstub TO agenhood_app;
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0003_sign_in_tables")]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
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
                ("number", models.BigIntegerField(editable=False)),
                ("time", models.DateTimeField(editable=False)),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("person", "Person"),
                            ("token", "Token"),
                            ("service_account", "Service account"),
                            ("task", "Task"),
                            ("staff", "Platform staff"),
                            ("system", "System"),
                        ],
                        max_length=16,
                    ),
                ),
                ("actor_id", models.CharField(blank=True, max_length=64)),
                ("actor_label", models.CharField(max_length=254)),
                ("on_behalf_of", models.CharField(blank=True, max_length=254)),
                ("token_prefix", models.CharField(blank=True, max_length=16)),
                ("session", models.CharField(blank=True, max_length=16)),
                ("action", models.CharField(max_length=60)),
                ("target_kind", models.CharField(blank=True, max_length=40)),
                ("target_id", models.CharField(blank=True, max_length=64)),
                ("target_label", models.CharField(blank=True, max_length=254)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("done", "Done"), ("denied", "Denied"), ("failed", "Failed")],
                        default="done",
                        max_length=8,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("ip", models.GenericIPAddressField(null=True)),
                ("user_agent", models.CharField(blank=True, max_length=300)),
                ("request_id", models.CharField(blank=True, max_length=32)),
                ("changes", models.JSONField(default=dict)),
                ("previous_hash", models.BinaryField(max_length=32)),
                ("hash", models.BinaryField(max_length=32)),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
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
                        fields=["workspace", "actor_label", "number"], name="workspaces_audit_actor"
                    ),
                    models.Index(
                        fields=["workspace", "action", "number"], name="workspaces_audit_action"
                    ),
                    models.Index(
                        fields=["workspace", "target_id", "number"], name="workspaces_audit_target"
                    ),
                    models.Index(
                        fields=["workspace", "target_label", "number"],
                        name="workspaces_audit_label",
                    ),
                    models.Index(
                        condition=models.Q(("outcome", "done"), _negated=True),
                        fields=["workspace", "number"],
                        name="workspaces_audit_refusals",
                    ),
                    models.Index(fields=["workspace", "time"], name="workspaces_audit_time"),
                ],
                "constraints": [
                    workspaces.database.constraints.WorkspaceIsolation(
                        name="workspaces_auditentry_isolation"
                    ),
                    models.UniqueConstraint(
                        fields=("workspace", "number"), name="workspaces_auditentry_number"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditHead",
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
                ("number", models.BigIntegerField()),
                ("time", models.DateTimeField()),
                ("hash", models.BinaryField(max_length=32)),
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
                        name="workspaces_audithead_isolation"
                    ),
                    models.UniqueConstraint(fields=("workspace",), name="workspaces_audithead_one"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditStub",
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
                ("first_number", models.BigIntegerField()),
                ("last_number", models.BigIntegerField()),
                ("last_time", models.DateTimeField()),
                ("last_hash", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField()),
                ("signature", models.BinaryField()),
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
                        name="workspaces_auditstub_isolation"
                    ),
                    models.UniqueConstraint(
                        fields=("workspace", "last_number"), name="workspaces_auditstub_number"
                    ),
                ],
            },
        ),
        migrations.RunSQL(CHAIN, DROP_CHAIN),
        migrations.RunSQL(GRANTS, NO_GRANTS),
    ]
