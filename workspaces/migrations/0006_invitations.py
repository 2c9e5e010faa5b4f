"""Invitations: a control table, whose rows a person sees across workspaces."""

import django.db.models.deletion
import django.db.models.functions.text
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

# As the policies of memberships (0002_row_security.py). A person's own invitations are those to the
# address that they have proven to be theirs, which is in reach outside workspaces only. Whoever
# holds a link is of neither kind: the link names its workspace, which is entered to look it up.
# The platform has no part in it: it makes members, it does not invite.
POLICIES = """
ALTER TABLE workspaces_invitation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY active_workspace ON workspaces_invitation TO agenhood_app
    USING (workspace_id = (SELECT workspaces.active_id()))
    WITH CHECK (workspace_id = (SELECT workspaces.active_id()));
CREATE POLICY own_invitations ON workspaces_invitation FOR SELECT TO agenhood_app
    USING (email = (SELECT e.email FROM account_emailaddress AS e
                     WHERE e.user_id = (SELECT workspaces.active_user_id())
                       AND e.verified AND e."primary"));
REVOKE DELETE ON workspaces_invitation FROM agenhood_app;
CREATE TRIGGER workspace_id_is_immutable BEFORE UPDATE OF workspace_id ON workspaces_invitation
    FOR EACH ROW WHEN (OLD.workspace_id IS DISTINCT FROM NEW.workspace_id)
    EXECUTE FUNCTION workspaces.refuse_new_workspace();
"""
DROP_POLICIES = """
DROP TRIGGER workspace_id_is_immutable ON workspaces_invitation;
GRANT DELETE ON workspaces_invitation TO agenhood_app;
DROP POLICY own_invitations ON workspaces_invitation;
DROP POLICY active_workspace ON workspaces_invitation;
ALTER TABLE workspaces_invitation NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0005_workspace_keys"),
        ("account", "0009_emailaddress_unique_primary_email"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Invitation",
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
                ("email", models.EmailField(max_length=254)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("admin", "Admin"),
                            ("operator", "Operator"),
                            ("viewer", "Viewer"),
                            ("auditor", "Auditor"),
                        ],
                        max_length=8,
                    ),
                ),
                ("link_digest", models.BinaryField(max_length=32, null=True)),
                ("mail_digest", models.BinaryField(max_length=32, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("mailed_at", models.DateTimeField(editable=False, null=True)),
                ("expires_at", models.DateTimeField(editable=False)),
                ("accepted_at", models.DateTimeField(editable=False, null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                (
                    "invited_by",
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
                "indexes": [
                    models.Index(
                        fields=["email"],
                        condition=models.Q(("accepted_at", None), ("revoked_at", None)),
                        name="workspaces_invitation_email",
                    ),
                    models.Index(
                        fields=["workspace", "link_digest"], name="workspaces_invitation_link"
                    ),
                    models.Index(
                        fields=["workspace", "mail_digest"], name="workspaces_invitation_mail"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "email"),
                        condition=models.Q(("accepted_at", None), ("revoked_at", None)),
                        name="workspaces_invitation_open_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("email", django.db.models.functions.text.Lower("email"))
                        ),
                        name="workspaces_invitation_email_lower_case",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("role__in", ["admin", "operator", "viewer", "auditor"])
                        ),
                        name="workspaces_invitation_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("accepted_at", None), ("revoked_at", None), _connector="OR"
                        ),
                        name="workspaces_invitation_settled_once",
                    ),
                ],
            },
        ),
        migrations.RunSQL(POLICIES, DROP_POLICIES),
    ]
