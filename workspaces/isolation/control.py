"""What migrations 0002 to 0009 made of control tables and audit trail, as the catalogue says it."""

from workspaces.database.constraints import TRIGGER
from workspaces.database.roles import APP, OWNER, PLATFORM

WORKSPACE = "workspaces_workspace"
MEMBERSHIP = "workspaces_membership"
USER = "accounts_user"
ADDRESS = "account_emailaddress"
SESSION = "django_session"
SESSION_OF_USER = "usersessions_usersession"
SECOND_FACTOR = "mfa_authenticator"
IDENTITY = "socialaccount_socialaccount"
INVITATION = "workspaces_invitation"
AUDIT_ENTRY = "workspaces_auditentry"
AUDIT_HEAD = "workspaces_audithead"
AUDIT_STUB = "workspaces_auditstub"
KEY_CHECK = "workspaces_masterkeycheck"

_HERE = "(SELECT workspaces.active_id())"
_ME = "(SELECT workspaces.active_user_id())"
_ONE_IS_MEMBER = f"""EXISTS (
    SELECT FROM workspaces_membership m
     WHERE m.workspace_id = workspaces_workspace.id AND m.user_id = {_ME})"""
_FELLOW = f"""{_HERE} IS NULL OR id = {_ME} OR id IN (
    SELECT workspaces_membership.user_id FROM workspaces_membership
     WHERE workspaces_membership.workspace_id = {_HERE})"""  # noqa: S608 - nobody runs it
_OUTSIDE = f"{_HERE} IS NULL"
_OUTSIDE_OR_ME = f"{_HERE} IS NULL OR id = {_ME}"
_TO_ME = f"""email::text = (
    SELECT e.email FROM account_emailaddress e
     WHERE e.user_id = {_ME} AND e.verified AND e."primary")::text"""  # noqa: S608 - nobody runs it
_SIGN_IN = {
    ("outside_workspaces", "*", APP): (_OUTSIDE, _OUTSIDE),
    ("migrations", "*", OWNER): ("true", "true"),
}
_RESET_BY_PLATFORM = _SIGN_IN | {
    ("platform_sees", "r", PLATFORM): ("true", ""),
    ("platform_resets", "d", PLATFORM): ("true", ""),
}

# (policy, command, role): (USING, WITH CHECK). "*" is every command.
POLICIES_OF: dict[str, dict[tuple[str, str, str], tuple[str, str]]] = {
    WORKSPACE: {
        ("active_workspace", "r", APP): (f"id = {_HERE}", ""),
        ("own_workspaces", "r", APP): (_ONE_IS_MEMBER, ""),
        ("change_active_workspace", "w", APP): (f"id = {_HERE}", f"id = {_HERE}"),
        ("platform", "*", PLATFORM): ("true", "true"),
    },
    MEMBERSHIP: {
        ("active_workspace", "*", APP): (f"workspace_id = {_HERE}", f"workspace_id = {_HERE}"),
        ("own_memberships", "r", APP): (f"user_id = {_ME}", ""),
        ("platform", "*", PLATFORM): ("true", "true"),
    },
    INVITATION: {
        ("active_workspace", "*", APP): (f"workspace_id = {_HERE}", f"workspace_id = {_HERE}"),
        ("own_invitations", "r", APP): (_TO_ME, ""),
    },
    USER: {
        ("fellow_members", "r", APP): (_FELLOW, ""),
        ("own_account", "w", APP): (_OUTSIDE_OR_ME, _OUTSIDE_OR_ME),
        ("platform", "*", PLATFORM): ("true", "true"),
    },
    ADDRESS: _SIGN_IN | {("platform", "*", PLATFORM): ("true", "true")},
    SESSION: _SIGN_IN,
    SESSION_OF_USER: _SIGN_IN,
    SECOND_FACTOR: _RESET_BY_PLATFORM,
    IDENTITY: _RESET_BY_PLATFORM,
    KEY_CHECK: {
        ("every_start", "r", APP): ("true", ""),
        ("outside_workspaces", "a", APP): ("", _OUTSIDE),
    },
}
TRIGGERS_OF = {
    WORKSPACE: {"new_workspace_has_owner"},
    MEMBERSHIP: {TRIGGER, "demotion_leaves_owner", "removal_leaves_owner"},
    USER: {"guard_standing", "deactivation_leaves_owner", "keep_second_factor"},
    INVITATION: {TRIGGER},
    ADDRESS: set(),
    SESSION: set(),
    SESSION_OF_USER: set(),
    SECOND_FACTOR: {"note_second_factor"},
    IDENTITY: set(),
    KEY_CHECK: set(),
    AUDIT_ENTRY: {"chain_audit_entry"},
    AUDIT_HEAD: {"guard_audit_head"},
}

ROWS = {"SELECT", "INSERT", "UPDATE", "DELETE"}
_MOVE_HEAD = {"INSERT", "SELECT", "UPDATE (number)", "UPDATE (time)", "UPDATE (hash)"}
# Where the console may do less than that, and all that the platform may do at all. A privilege on a
# table includes the same on its columns.
APP_MAY: dict[str, set[str]] = {
    WORKSPACE: {
        "SELECT",
        "UPDATE (name)",
        "UPDATE (colour)",
        "UPDATE (requires_second_factor)",
    },
    INVITATION: {"SELECT", "INSERT", "UPDATE"},
    USER: {"SELECT", "UPDATE"},
    KEY_CHECK: {"SELECT", "INSERT"},
    "django_admin_log": set(),
    "socialaccount_socialapp": set(),
    "socialaccount_socialtoken": set(),
    AUDIT_ENTRY: {"SELECT", "INSERT"},
    AUDIT_HEAD: _MOVE_HEAD,
    AUDIT_STUB: {"SELECT", "UPDATE (signature)"},
}
PLATFORM_MAY: dict[str, set[str]] = {
    WORKSPACE: {"SELECT", "INSERT", "UPDATE"},
    MEMBERSHIP: ROWS,
    USER: {"SELECT", "INSERT", "UPDATE"},
    ADDRESS: {"SELECT", "INSERT", "UPDATE"},
    SECOND_FACTOR: {"SELECT (id)", "SELECT (user_id)", "SELECT (type)", "DELETE"},
    IDENTITY: {"SELECT (id)", "SELECT (user_id)", "DELETE"},
    "django_admin_log": {"SELECT", "INSERT"},
    "django_content_type": {"SELECT", "INSERT"},
    AUDIT_ENTRY: {"INSERT"},
    AUDIT_HEAD: _MOVE_HEAD,
}
