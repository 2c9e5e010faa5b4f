"""Service accounts, tokens, and entering a workspace by one."""

import django.db.models.deletion
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

import workspaces.database.constraints

# One round trip of a request with a token: is it good, for whom, and enter. The workspace that its
# text names is entered to look it up, and left again when there is no such token; row security
# guards the lookup as any other. Whatever is wrong takes the same statements.
# Columns are named for the models' fields: workspaces/tokens/scope.py. A body is read when it runs,
# so that it may name what 0009_required_second_factor.py adds.
ENTER = """
CREATE FUNCTION workspaces.enter_by_token(wanted uuid, wanted_digest bytea)
RETURNS TABLE (
    token_id uuid, token_name text, prefix text, scopes text[], last_used_at timestamptz,
    membership__id uuid, membership__workspace_id uuid, membership__user_id uuid,
    membership__role text, membership__created_at timestamptz,
    service_account__id uuid, service_account__workspace_id uuid, service_account__name text,
    service_account__role text, service_account__created_by_id uuid,
    user__id uuid, user__email text, user__name text, user__is_active boolean,
    user__time_zone text,
    workspace__id uuid, workspace__name text, workspace__slug text, workspace__colour text,
    workspace__suspended_at timestamptz, workspace__suspension_reason text,
    workspace__requires_second_factor boolean, workspace__created_at timestamptz
)
LANGUAGE plpgsql AS $$
DECLARE
    person uuid;
    has_second_factor boolean;
BEGIN
    PERFORM pg_catalog.set_config('agenhood.workspace_id', wanted::text, true);
    SELECT t.id, t.name, t.prefix,
           ARRAY(SELECT pg_catalog.jsonb_array_elements_text(t.scopes)), t.last_used_at,
           m.id, m.workspace_id, m.user_id, m.role, m.created_at,
           s.id, s.workspace_id, s.name, s.role, s.created_by_id,
           COALESCE(m.user_id, s.created_by_id),
           w.id, w.name, w.slug, w.colour, w.suspended_at, w.suspension_reason,
           w.requires_second_factor, w.created_at
      INTO token_id, token_name, prefix, scopes, last_used_at,
           membership__id, membership__workspace_id, membership__user_id, membership__role,
           membership__created_at,
           service_account__id, service_account__workspace_id, service_account__name,
           service_account__role, service_account__created_by_id,
           person,
           workspace__id, workspace__name, workspace__slug, workspace__colour,
           workspace__suspended_at, workspace__suspension_reason,
           workspace__requires_second_factor, workspace__created_at
      FROM public.workspaces_token AS t
      JOIN public.workspaces_workspace AS w ON w.id = t.workspace_id
      LEFT JOIN public.workspaces_membership AS m
        ON m.workspace_id = t.workspace_id AND m.id = t.membership_id
       AND m.user_id = t.created_by_id
      LEFT JOIN public.workspaces_serviceaccount AS s
        ON s.workspace_id = t.workspace_id AND s.id = t.service_account_id
       AND s.disabled_at IS NULL
     WHERE t.workspace_id = wanted AND t.digest = wanted_digest AND t.revoked_at IS NULL
       AND (t.expires_at IS NULL OR t.expires_at > pg_catalog.statement_timestamp())
       AND (m.id IS NOT NULL OR s.id IS NOT NULL);
    -- As that person, so that the account of one who has left the workspace is in reach too.
    PERFORM pg_catalog.set_config(
        'agenhood.user_id', COALESCE(person, '00000000-0000-0000-0000-000000000000')::text, true
    );
    SELECT u.id, u.email, u.name, u.is_active, u.time_zone, u.has_second_factor
      INTO user__id, user__email, user__name, user__is_active, user__time_zone, has_second_factor
      FROM public.accounts_user AS u WHERE u.id = person;
    IF user__id IS NULL OR membership__id IS NOT NULL AND (
        NOT user__is_active OR workspace__requires_second_factor AND NOT has_second_factor
    ) THEN
        PERFORM pg_catalog.set_config('agenhood.workspace_id', '', true);
        PERFORM pg_catalog.set_config('agenhood.user_id', '', true);
        RETURN;
    END IF;
    IF membership__id IS NULL THEN
        PERFORM pg_catalog.set_config('agenhood.user_id', '', true);
    END IF;
    IF workspace__suspended_at IS NOT NULL THEN
        PERFORM pg_catalog.set_config('transaction_read_only', 'on', true);
    END IF;
    RETURN NEXT;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0006_invitations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(
                fields=("workspace", "id"), name="workspaces_membership_key"
            ),
        ),
        migrations.CreateModel(
            name="ServiceAccount",
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
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("admin", "Admin"),
                            ("operator", "Operator"),
                            ("viewer", "Viewer"),
                            ("auditor", "Auditor"),
                        ],
                        default="viewer",
                        max_length=8,
                    ),
                ),
                ("disabled_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
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
                "constraints": [
                    workspaces.database.constraints.WorkspaceIsolation(
                        name="workspaces_serviceaccount_isolation"
                    ),
                    workspaces.database.constraints.UniquePerWorkspace(
                        "name",
                        name="workspaces_serviceaccount_name_unique",
                        violation_error_message="This workspace already has an account of that name.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("role__in", ["admin", "operator", "viewer", "auditor"])
                        ),
                        name="workspaces_serviceaccount_role",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Token",
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
                ("prefix", models.CharField(editable=False, max_length=12)),
                ("digest", models.BinaryField(max_length=32)),
                ("scopes", models.JSONField(default=list, editable=False)),
                ("expires_at", models.DateTimeField(editable=False, null=True)),
                ("last_used_at", models.DateTimeField(editable=False, null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
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
                    "membership",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="workspaces.membership",
                    ),
                ),
                (
                    "service_account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="workspaces.serviceaccount",
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
                        fields=["workspace", "membership"], name="workspaces_token_member"
                    ),
                    models.Index(
                        fields=["workspace", "service_account"], name="workspaces_token_account"
                    ),
                ],
                "constraints": [
                    workspaces.database.constraints.WorkspaceIsolation(
                        name="workspaces_token_isolation"
                    ),
                    workspaces.database.constraints.SameWorkspace(
                        "membership",
                        name="workspaces_token_membership_workspace",
                        on_delete="CASCADE",
                    ),
                    workspaces.database.constraints.SameWorkspace(
                        "service_account",
                        name="workspaces_token_service_account_workspace",
                        on_delete="CASCADE",
                    ),
                    models.UniqueConstraint(
                        fields=("workspace", "digest"), name="workspaces_token_digest_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("membership", None), ("service_account", None), _connector="XOR"
                        ),
                        name="workspaces_token_has_one_owner",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("membership", None), ("expires_at__isnull", False), _connector="OR"
                        ),
                        name="workspaces_token_of_a_person_expires",
                    ),
                ],
            },
        ),
        migrations.RunSQL(ENTER, "DROP FUNCTION workspaces.enter_by_token(uuid, bytea)"),
    ]
