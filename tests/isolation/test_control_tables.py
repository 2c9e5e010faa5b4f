"""The check of the database knows what the migrations made of the tables that say who belongs
where, and of those that all share.

Each fault is planted in a transaction that is rolled back, and looked for as the console's login.
"""

import pytest

from tests.isolation.sql import run
from workspaces.database.roles import APP
from workspaces.isolation import faults

PLANTED = {
    "another expression": (
        "ALTER POLICY own_workspaces ON workspaces_workspace USING (id IS NOT NULL)",
        ["workspaces_workspace: policy: not as migrated: ['own_workspaces']"],
    ),
    "an expression that shows everybody": (
        "ALTER POLICY fellow_members ON accounts_user USING (workspaces.active_id() <> id)",
        ["accounts_user: policy: not as migrated: ['fellow_members']"],
    ),
    "no check of what is written": (
        "ALTER POLICY active_workspace ON workspaces_membership WITH CHECK (true)",
        ["workspaces_membership: policy: not as migrated: ['active_workspace']"],
    ),
    "one more policy": (
        "CREATE POLICY auditors ON workspaces_membership FOR SELECT USING (true)",
        ["workspaces_membership: policy: not as migrated: ['auditors']"],
    ),
    "one policy less": (
        "DROP POLICY own_account ON accounts_user",
        ["accounts_user: policy: not as migrated: ['own_account']"],
    ),
    "a policy for everybody": (
        "ALTER POLICY platform ON workspaces_workspace TO PUBLIC",
        ["workspaces_workspace: policy: not as migrated: ['platform']"],
    ),
    "a policy that forbids": (
        "CREATE POLICY none ON accounts_user AS RESTRICTIVE USING (false)",
        ["accounts_user: policy: not as migrated: ['none']"],
    ),
    "its owner's passage": (
        "ALTER TABLE workspaces_membership NO FORCE ROW LEVEL SECURITY",
        ["workspaces_membership: forced: its owner passes row security"],
    ),
    "no row security": (
        "ALTER TABLE accounts_user DISABLE ROW LEVEL SECURITY",
        ["accounts_user: row security: not enabled"],
    ),
    "no owner's rule": (
        "DROP TRIGGER removal_leaves_owner ON workspaces_membership",
        ["workspaces_membership: own triggers: missing triggers: ['removal_leaves_owner']"],
    ),
    "no guard of standing": (
        "DROP TRIGGER guard_standing ON accounts_user",
        ["accounts_user: own triggers: missing triggers: ['guard_standing']"],
    ),
    "a workspace that changes": (
        "DROP TRIGGER workspace_id_is_immutable ON workspaces_membership",
        ["workspaces_membership: own triggers: missing triggers: ['workspace_id_is_immutable']"],
    ),
    "keys that nobody checks": (
        "ALTER TABLE isolation_models_note DISABLE TRIGGER ALL",
        [
            "isolation_models_note: triggers: a trigger, or a key's check, is disabled",
            "isolation_models_note: immutable: workspace_id may change",
        ],
    ),
    "the platform among sessions": (
        "GRANT SELECT ON django_session TO agenhood_platform",
        ["django_session: grants: agenhood_platform holds SELECT"],
    ),
    "the platform among the fleet": (
        "GRANT SELECT (name) ON fleet_project TO agenhood_platform",
        ["fleet_project: grants: agenhood_platform holds SELECT (name)"],
    ),
    "anybody's invitations": (
        "ALTER POLICY own_invitations ON workspaces_invitation USING (email IS NOT NULL)",
        ["workspaces_invitation: policy: not as migrated: ['own_invitations']"],
    ),
    "invitations that are deleted": (
        "GRANT DELETE ON workspaces_invitation TO agenhood_app",
        ["workspaces_invitation: grants: agenhood_app holds DELETE"],
    ),
    "the platform deletes people": (
        "GRANT DELETE ON accounts_user TO agenhood_platform",
        ["accounts_user: grants: agenhood_platform holds DELETE"],
    ),
    "the console suspends": (
        "GRANT UPDATE (suspended_at) ON workspaces_workspace TO agenhood_app",
        ["workspaces_workspace: grants: agenhood_app holds UPDATE (suspended_at)"],
    ),
    "the console makes accounts": (
        "GRANT INSERT ON accounts_user TO agenhood_app",
        ["accounts_user: grants: agenhood_app holds INSERT"],
    ),
    "the console writes the platform's log": (
        "GRANT INSERT ON django_admin_log TO agenhood_app",
        ["django_admin_log: grants: agenhood_app holds INSERT"],
    ),
    "a plain key to a membership": (
        "ALTER TABLE fleet_project ADD m uuid CONSTRAINT m REFERENCES workspaces_membership",
        ["fleet_project: foreign key m: a plain key to workspaces_membership"],
    ),
    "a primary key that all share": (
        "ALTER TABLE fleet_project DROP CONSTRAINT fleet_project_pkey, ADD PRIMARY KEY (name)",
        ["fleet_project: unique fleet_project_pkey: unique across workspaces"],
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(become, fault):
    """Vectors 41, 42, 48."""
    planted, expected = PLANTED[fault]

    run(planted)
    become(APP)

    assert [f"{f.table}: {f.check}: {f.detail}" for f in faults()] == expected
