"""The check of the database: green as migrated, and red for every fault that is planted.

Faults are planted in a transaction that is rolled back, and looked for inside it, as the console's
own login: nobody else ever sees them, not even a role's new attributes.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from agenhood.launcher.cluster import SUPERUSER
from tests import postgres
from workspaces.database.constraints import TRIGGER, TRIGGER_DEFINITION
from workspaces.database.roles import APP, CLOSED_FUNCTIONS, OWNER
from workspaces.isolation import faults, findings, functions, refuse_unsafe_start

OWN = "workspace_id = (SELECT workspaces.current_id())"
AGENT = (
    "CREATE TABLE agent (id uuid PRIMARY KEY, workspace_id uuid NOT NULL, project_id uuid);"
    "ALTER TABLE agent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY,"
    " ADD UNIQUE (workspace_id, id);"
    f" CREATE POLICY workspace_isolation ON agent USING ({OWN}) WITH CHECK ({OWN});"
    f" CREATE TRIGGER {TRIGGER} {TRIGGER_DEFINITION % {'table': 'agent'}};"
)
SEARCHED = " AND ".join(["vector @@ (SELECT workspaces.search_query())"] * 2)
DROP_SEARCH = (
    "DROP POLICY workspace_search ON fleet_searchdocument;"
    " CREATE POLICY workspace_search ON fleet_searchdocument"
)

# Planted by the tables' owner, as a migration would: what it is, SQL, and all that is found.
OWNERS_FAULTS: dict[str, tuple[str, list[str]]] = {
    "a table without a policy": (
        "DROP POLICY workspace_isolation ON fleet_project",
        ["fleet_project: policy: has 0 policies, not one"],
    ),
    "a new table without row security": (
        "CREATE TABLE agent (id uuid PRIMARY KEY, workspace_id uuid NOT NULL)",
        [
            "agent: row security: not enabled",
            "agent: forced: its owner passes row security",
            "agent: policy: has 0 policies, not one",
            "agent: immutable: workspace_id may change",
            "agent: key: no unique (workspace_id, id)",
        ],
    ),
    "an unknown table without workspace_id": (
        "CREATE TABLE agent (id uuid PRIMARY KEY)",
        ["agent: belongs: it belongs to no workspace"],
    ),
    "a table of another schema named like a shared one": (
        "CREATE TABLE workspaces.django_session (session_key text)",
        ["django_session: belongs: it belongs to no workspace"],
    ),
    "row security not forced": (
        "ALTER TABLE fleet_project NO FORCE ROW LEVEL SECURITY",
        ["fleet_project: forced: its owner passes row security"],
    ),
    "row security disabled": (
        "ALTER TABLE fleet_project DISABLE ROW LEVEL SECURITY",
        ["fleet_project: row security: not enabled"],
    ),
    "a second permissive policy": (
        "CREATE POLICY support ON fleet_project FOR SELECT USING (true)",
        ["fleet_project: policy: has 2 policies, not one"],
    ),
    "a policy with another expression": (
        "ALTER POLICY workspace_isolation ON fleet_project USING (true)",
        [
            (
                "fleet_project: policy: workspace_isolation reads true and checks (workspace_id ="
                " ( SELECT workspaces.current_id() AS current_id))"
            )
        ],
    ),
    "a policy that does not check what is written": (
        "ALTER POLICY workspace_isolation ON fleet_project WITH CHECK (true)",
        [
            (
                "fleet_project: policy: workspace_isolation reads (workspace_id = ( SELECT"
                " workspaces.current_id() AS current_id)) and checks true"
            )
        ],
    ),
    "a policy that calls its function for each row": (
        (
            "ALTER POLICY workspace_isolation ON fleet_project USING (workspace_id ="
            " workspaces.current_id()) WITH CHECK (workspace_id = workspaces.current_id())"
        ),
        [
            (
                "fleet_project: policy: workspace_isolation reads (workspace_id ="
                " workspaces.current_id()) and checks (workspace_id = workspaces.current_id())"
            )
        ],
    ),
    "a policy with an alternative": (
        (
            "ALTER POLICY workspace_isolation ON fleet_project USING (workspace_id = (SELECT"
            " workspaces.current_id()) OR name = 'x') WITH CHECK (workspace_id = (SELECT"
            " workspaces.current_id()) OR name = 'x')"
        ),
        [
            (
                "fleet_project: policy: workspace_isolation reads ((workspace_id = ( SELECT"
                " workspaces.current_id() AS current_id)) OR ((name)::text = 'x'::text)) and"
                " checks ((workspace_id = ( SELECT workspaces.current_id() AS current_id)) OR"
                " ((name)::text = 'x'::text))"
            )
        ],
    ),
    "a policy for one role only": (
        "ALTER POLICY workspace_isolation ON fleet_project TO agenhood_app",
        [
            (
                "fleet_project: policy: workspace_isolation is not the policy for every command"
                " and role"
            )
        ],
    ),
    "a policy for reading only": (
        (
            "DROP POLICY workspace_isolation ON fleet_project; CREATE POLICY workspace_isolation"
            " ON fleet_project FOR SELECT USING (workspace_id = (SELECT workspaces.current_id()))"
        ),
        [
            (
                "fleet_project: policy: workspace_isolation is not the policy for every command"
                " and role"
            )
        ],
    ),
    "a restrictive policy": (
        (
            "DROP POLICY workspace_isolation ON fleet_project; CREATE POLICY workspace_isolation"
            f" ON fleet_project AS RESTRICTIVE USING ({OWN}) WITH CHECK ({OWN})"
        ),
        ["fleet_project: policy: workspace_isolation is restrictive, so that nothing is allowed"],
    ),
    "a search policy that adds rows instead of taking some away": (
        f"{DROP_SEARCH} FOR SELECT USING ({SEARCHED})",
        ["fleet_searchdocument: policy: has 2 policies, not one"],
    ),
    "a search policy with another expression": (
        f"{DROP_SEARCH} AS RESTRICTIVE FOR SELECT USING (vector @@ workspaces.search_query())",
        ["fleet_searchdocument: policy: has 2 policies, not one"],
    ),
    "a search policy for more than reading": (
        f"{DROP_SEARCH} AS RESTRICTIVE USING ({SEARCHED})",
        ["fleet_searchdocument: policy: has 2 policies, not one"],
    ),
    "a search policy for one role only": (
        f"{DROP_SEARCH} AS RESTRICTIVE FOR SELECT TO agenhood_app USING ({SEARCHED})",
        ["fleet_searchdocument: policy: has 2 policies, not one"],
    ),
    "a search policy in the place of the workspace's": (
        "DROP POLICY workspace_isolation ON fleet_searchdocument",
        ["fleet_searchdocument: policy: has 0 policies, not one"],
    ),
    "a second restrictive policy under another name": (
        f"CREATE POLICY other ON fleet_searchdocument AS RESTRICTIVE FOR SELECT USING ({SEARCHED})",
        ["fleet_searchdocument: policy: has 2 policies, not one"],
    ),
    "a plain foreign key": (
        (
            f"{AGENT} ALTER TABLE agent ADD CONSTRAINT agent_project FOREIGN KEY (project_id)"
            " REFERENCES fleet_project NOT VALID"
        ),
        ["agent: foreign key agent_project: a plain key to fleet_project"],
    ),
    "a plain foreign key from a shared table": (
        (
            "ALTER TABLE django_session ADD project_id uuid CONSTRAINT session_project REFERENCES"
            " fleet_project"
        ),
        ["django_session: foreign key session_project: a plain key to fleet_project"],
    ),
    "a composite key that was never checked": (
        (
            f"{AGENT} ALTER TABLE agent ADD CONSTRAINT agent_project FOREIGN KEY (workspace_id,"
            " project_id) REFERENCES fleet_project (workspace_id, id) NOT VALID"
        ),
        ["agent: foreign key agent_project: not valid"],
    ),
    "a composite key that is missing": (
        "ALTER TABLE isolation_models_note DROP CONSTRAINT isolation_models_note_folder_workspace",
        ["isolation_models_note: key folder_id: no foreign key holds it"],
    ),
    "no key to refer to": (
        "ALTER TABLE fleet_project DROP CONSTRAINT fleet_project_isolation CASCADE",
        [
            "fleet_project: key: no unique (workspace_id, id)",
            "fleet_agent: key project_id: no foreign key holds it",
            "fleet_task: key project_id: no foreign key holds it",
            "isolation_models_note: key project_id: no foreign key holds it",
        ],
    ),
    "an index unique across workspaces": (
        "CREATE UNIQUE INDEX oracle ON fleet_project (name)",
        ["fleet_project: unique oracle: unique across workspaces"],
    ),
    "an index unique across workspaces by an expression": (
        "CREATE UNIQUE INDEX oracle ON fleet_project (lower(name), workspace_id)",
        ["fleet_project: unique oracle: unique across workspaces"],
    ),
    "workspace_id that may be NULL": (
        "ALTER TABLE fleet_project ALTER workspace_id DROP NOT NULL",
        ["fleet_project: not null: workspace_id may be NULL"],
    ),
    "no trigger": (
        "DROP TRIGGER workspace_id_is_immutable ON fleet_project",
        ["fleet_project: immutable: workspace_id may change"],
    ),
    "a disabled trigger": (
        "ALTER TABLE fleet_project DISABLE TRIGGER workspace_id_is_immutable",
        [
            "fleet_project: triggers: a trigger, or a key's check, is disabled",
            "fleet_project: immutable: workspace_id may change",
        ],
    ),
    "a trigger for replicas only": (
        "ALTER TABLE fleet_project ENABLE REPLICA TRIGGER workspace_id_is_immutable",
        ["fleet_project: immutable: workspace_id may change"],
    ),
    "a rule": (
        "CREATE RULE copy AS ON INSERT TO fleet_project DO ALSO NOTIFY heard",
        ["fleet_project: rules: a rule rewrites its queries"],
    ),
    "a view with its owner's rights": (
        "CREATE VIEW report AS SELECT * FROM fleet_project",
        ["report: view: reads with its owner's rights: no security_invoker"],
    ),
    "a materialized view": (
        "CREATE MATERIALIZED VIEW report AS SELECT 1 AS one",
        ["report: view: a materialized view has no row security"],
    ),
    "a SECURITY DEFINER function": (
        "CREATE FUNCTION peek() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'",
        ["peek: function: runs with its owner's rights: SECURITY DEFINER"],
    ),
    "a partition without a policy": (
        (
            "CREATE TABLE run (id uuid, workspace_id uuid NOT NULL, UNIQUE (workspace_id, id))"
            " PARTITION BY HASH (workspace_id); CREATE TABLE run_0 PARTITION OF run FOR VALUES"
            " WITH (MODULUS 1, REMAINDER 0)"
        ),
        [
            "run: row security: not enabled",
            "run: forced: its owner passes row security",
            "run: policy: has 0 policies, not one",
            "run: immutable: workspace_id may change",
            "run_0: row security: not enabled",
            "run_0: forced: its owner passes row security",
            "run_0: policy: has 0 policies, not one",
            "run_0: immutable: workspace_id may change",
        ],
    ),
    "the app may TRUNCATE": (
        "GRANT TRUNCATE ON fleet_project TO agenhood_app",
        ["fleet_project: grants: agenhood_app holds TRUNCATE"],
    ),
    "the app may make foreign keys and triggers": (
        "GRANT REFERENCES, TRIGGER ON accounts_user TO agenhood_app",
        ["accounts_user: grants: agenhood_app holds REFERENCES, TRIGGER"],
    ),
    "the platform may read a project": (
        "GRANT SELECT ON fleet_project TO agenhood_platform",
        ["fleet_project: grants: agenhood_platform holds SELECT"],
    ),
    "the platform may read a project's name": (
        "GRANT SELECT (name) ON fleet_project TO agenhood_platform",
        ["fleet_project: grants: agenhood_platform holds SELECT (name)"],
    ),
    "everybody may read a project": (
        "GRANT SELECT ON fleet_project TO PUBLIC",
        ["fleet_project: grants: public holds SELECT"],
    ),
    "everybody may read sessions": (
        "GRANT SELECT ON django_session TO PUBLIC",
        ["django_session: grants: public holds SELECT"],
    ),
    "the backup may write": (
        "GRANT UPDATE ON fleet_project TO agenhood_backup",
        ["fleet_project: grants: agenhood_backup holds UPDATE"],
    ),
    "the app may make tables": (
        "GRANT CREATE ON SCHEMA public TO agenhood_app",
        ["schemas: create: agenhood_app in public"],
    ),
    "everybody may make functions": (
        "GRANT CREATE ON SCHEMA workspaces TO PUBLIC",
        [
            (
                "schemas: create: agenhood_app in workspaces, agenhood_platform in workspaces,"
                " public in workspaces"
            )
        ],
    ),
    "workspaces that are open to the app": (
        "ALTER POLICY active_workspace ON workspaces_workspace USING (true)",
        ["workspaces_workspace: policy: not as migrated: ['active_workspace']"],
    ),
    "memberships that the app may write anywhere": (
        "ALTER POLICY active_workspace ON workspaces_membership WITH CHECK (true)",
        ["workspaces_membership: policy: not as migrated: ['active_workspace']"],
    ),
    "people open to the app": (
        "CREATE POLICY all_people ON accounts_user FOR SELECT TO agenhood_app USING (true)",
        ["accounts_user: policy: not as migrated: ['all_people']"],
    ),
    "the platform's policy given to everybody": (
        "ALTER POLICY platform ON workspaces_workspace TO PUBLIC",
        ["workspaces_workspace: policy: not as migrated: ['platform']"],
    ),
    "memberships not forced": (
        "ALTER TABLE workspaces_membership NO FORCE ROW LEVEL SECURITY",
        ["workspaces_membership: forced: its owner passes row security"],
    ),
    "people without row security": (
        "ALTER TABLE accounts_user DISABLE ROW LEVEL SECURITY",
        ["accounts_user: row security: not enabled"],
    ),
    "a function with another body": (
        (
            "CREATE OR REPLACE FUNCTION workspaces.current_id() RETURNS uuid LANGUAGE plpgsql"
            " STABLE PARALLEL SAFE AS 'BEGIN RETURN gen_random_uuid(); END'"
        ),
        ["current_id: function: not as migrated"],
    ),
    "a trigger's function that does nothing": (
        (
            "CREATE OR REPLACE FUNCTION workspaces.guard_standing() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
        ),
        ["guard_standing: function: not as migrated"],
    ),
    "a function that is asked once and never again": (
        "ALTER FUNCTION workspaces.active_id() IMMUTABLE",
        ["active_id: function: not as migrated"],
    ),
    "a function that answers nothing": (
        "ALTER FUNCTION workspaces.search_words(text) STRICT",
        ["search_words: function: not as migrated"],
    ),
    "a function that brings settings along": (
        "ALTER FUNCTION workspaces.current_id() SET search_path = public",
        ["current_id: function: brings settings along: search_path=public"],
    ),
    "a function of the same name beside it": (
        (
            "CREATE FUNCTION workspaces.enter(wanted_slug text) RETURNS uuid LANGUAGE sql"
            " AS 'SELECT workspaces.current_id()'"
        ),
        ["enter: function: not as migrated"],
    ),
    "a trigger that runs another function": (
        (
            "CREATE OR REPLACE TRIGGER guard_standing BEFORE UPDATE OF is_staff, is_active"
            " ON accounts_user FOR EACH ROW"
            " WHEN (OLD.is_staff <> NEW.is_staff OR OLD.is_active <> NEW.is_active)"
            " EXECUTE FUNCTION workspaces.keep_second_factor()"
        ),
        ["accounts_user: made triggers: not as migrated: ['guard_standing']"],
    ),
    "a trigger that never fires": (
        (
            "CREATE OR REPLACE TRIGGER workspace_id_is_immutable BEFORE UPDATE OF workspace_id"
            " ON fleet_project FOR EACH ROW WHEN (false)"
            " EXECUTE FUNCTION workspaces.refuse_new_workspace()"
        ),
        ["fleet_project: made triggers: not as migrated: ['workspace_id_is_immutable']"],
    ),
    "a trigger for another column": (
        (
            "CREATE OR REPLACE TRIGGER workspace_id_is_immutable BEFORE UPDATE OF name"
            " ON fleet_project FOR EACH ROW"
            " WHEN (OLD.workspace_id IS DISTINCT FROM NEW.workspace_id)"
            " EXECUTE FUNCTION workspaces.refuse_new_workspace()"
        ),
        ["fleet_project: made triggers: not as migrated: ['workspace_id_is_immutable']"],
    ),
    "a trigger that no migration makes": (
        (
            "CREATE FUNCTION copy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
            " CREATE TRIGGER copy AFTER INSERT ON fleet_project EXECUTE FUNCTION copy()"
        ),
        ["fleet_project: made triggers: not as migrated: ['copy']"],
    ),
    "a function that is missing": (
        "DROP FUNCTION workspaces.enter(text, uuid)",
        ["workspaces: functions: missing: ['enter']"],
    ),
}

# Planted by an administrator of the server.
ADMINISTRATORS_FAULTS: dict[str, tuple[str, list[str]]] = {
    "a LEAKPROOF function": (
        (
            "CREATE FUNCTION peek() RETURNS int LEAKPROOF LANGUAGE sql AS 'SELECT 1'; ALTER"
            " FUNCTION peek() OWNER TO agenhood_owner"
        ),
        ["peek: function: LEAKPROOF: it is run before row security"],
    ),
    "a function of somebody else": (
        "CREATE FUNCTION peek() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ["peek: function: owned by postgres"],
    ),
    "the app owns a table": (
        "ALTER TABLE fleet_project OWNER TO agenhood_app",
        [
            "fleet_project: owner: owned by agenhood_app",
            "fleet_project: grants: agenhood_app holds MAINTAIN, REFERENCES, TRIGGER, TRUNCATE",
        ],
    ),
    "a foreign table": (
        (
            "CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER other FOREIGN DATA WRAPPER"
            " elsewhere; CREATE FOREIGN TABLE agent (id uuid, workspace_id uuid NOT NULL) SERVER"
            " other; ALTER TABLE agent OWNER TO agenhood_owner"
        ),
        [
            "agent: row security: not enabled",
            "agent: forced: its owner passes row security",
            "agent: policy: has 0 policies, not one",
            "agent: immutable: workspace_id may change",
            "agent: kind: row security skips foreign tables",
            "agent: key: no unique (workspace_id, id)",
        ],
    ),
    "a workspace that the console's role brings along": (
        "ALTER ROLE agenhood_app SET agenhood.workspace_id = 'x'",
        ["roles: settings: agenhood_app: agenhood.workspace_id=x"],
    ),
    "a role that the console's role becomes by itself": (
        "ALTER ROLE agenhood_app SET role = 'agenhood_platform'",
        ["roles: settings: agenhood_app: role=agenhood_platform"],
    ),
    "a stranger with the console's rights": (
        "CREATE ROLE stranger; GRANT agenhood_app TO stranger",
        ["roles: members: stranger is agenhood_app"],
    ),
    "the app bypasses row security": (
        "ALTER ROLE agenhood_app BYPASSRLS",
        ["agenhood_app: role: BYPASSRLS"],
    ),
    "the app is a superuser": (
        "ALTER ROLE agenhood_app SUPERUSER",
        [
            "schemas: create: agenhood_app in public, agenhood_app in workspaces",
            "agenhood_app: role: SUPERUSER",
            "agenhood_app: inherits: has agenhood_platform's rights without SET ROLE",
            "agenhood_app: creates: may create schemas or tables",
        ],
    ),
    "the app makes roles": (
        "ALTER ROLE agenhood_app CREATEROLE",
        ["agenhood_app: role: CREATEROLE"],
    ),
    "the app makes databases": (
        "ALTER ROLE agenhood_app CREATEDB",
        ["agenhood_app: role: CREATEDB"],
    ),
    "the app replicates": (
        "ALTER ROLE agenhood_app REPLICATION",
        ["agenhood_app: role: REPLICATION"],
    ),
    "the app inherits by default": (
        "ALTER ROLE agenhood_app INHERIT",
        ["agenhood_app: role: INHERIT"],
    ),
    "the app holds the platform's rights always": (
        "GRANT agenhood_platform TO agenhood_app WITH INHERIT TRUE",
        ["agenhood_app: inherits: has agenhood_platform's rights without SET ROLE"],
    ),
    "the owner bypasses row security": (
        "ALTER ROLE agenhood_owner BYPASSRLS",
        ["agenhood_owner: role: BYPASSRLS"],
    ),
    "the platform bypasses row security": (
        "ALTER ROLE agenhood_platform BYPASSRLS",
        ["agenhood_platform: role: BYPASSRLS"],
    ),
    "the backup is a superuser": (
        "ALTER ROLE agenhood_backup SUPERUSER",
        ["agenhood_backup: role: SUPERUSER"],
    ),
    "the app may become the owner": (
        "GRANT agenhood_owner TO agenhood_app WITH INHERIT FALSE",
        ["roles: memberships: agenhood_app is agenhood_owner"],
    ),
    "the app reads all data": (
        "GRANT pg_read_all_data TO agenhood_app WITH INHERIT FALSE",
        ["roles: memberships: agenhood_app is pg_read_all_data"],
    ),
    "the platform may become the backup": (
        "GRANT agenhood_backup TO agenhood_platform WITH INHERIT FALSE",
        ["roles: memberships: agenhood_platform is agenhood_backup"],
    ),
    "the app may make schemas": (
        (
            "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO agenhood_app',"
            " current_database()); END $$"
        ),
        ["agenhood_app: creates: may create schemas or tables"],
    ),
    "the app may make temporary tables": (
        (
            "DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO agenhood_app',"
            " current_database()); END $$"
        ),
        ["agenhood_app: creates: may create schemas or tables"],
    ),
    "the platform may make temporary tables": (
        (
            "DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO agenhood_platform',"
            " current_database()); END $$"
        ),
        ["agenhood_platform: creates: may create schemas or tables"],
    ),
    "the app runs programs on the server": (
        "GRANT pg_execute_server_program TO agenhood_app WITH INHERIT FALSE",
        ["roles: memberships: agenhood_app is pg_execute_server_program"],
    ),
    "the backup writes files by way of what it is": (
        "GRANT pg_write_server_files TO pg_read_all_data",
        ["roles: memberships: pg_read_all_data is pg_write_server_files"],
    ),
    "the app may read hashes of passwords": (
        "GRANT SELECT (rolpassword) ON pg_authid TO agenhood_app",
        [("server: grants: agenhood_app holds SELECT on column rolpassword of table pg_authid")],
    ),
    "everybody may read statistics of values": (
        "GRANT SELECT ON pg_statistic, pg_largeobject TO PUBLIC",
        [
            (
                "server: grants: public holds SELECT on table pg_largeobject,"
                " public holds SELECT on table pg_statistic"
            )
        ],
    ),
    "the app may read the server's files": (
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO agenhood_app",
        ["server: grants: agenhood_app holds EXECUTE on function pg_read_file(text)"],
    ),
    "the app may make functions that are found first": (
        "GRANT CREATE ON SCHEMA pg_catalog TO agenhood_app",
        ["server: grants: agenhood_app holds CREATE on schema pg_catalog"],
    ),
    "a function that is found before another one": (
        "CREATE FUNCTION pg_catalog.now(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        ["server: functions: now(text) is not the server's own"],
    ),
    "a function of the server's with another body": (
        (
            "CREATE OR REPLACE FUNCTION pg_catalog.current_setting(text, boolean) RETURNS text"
            " LANGUAGE sql STABLE STRICT PARALLEL SAFE AS 'SELECT NULL'"
        ),
        ["server: functions: current_setting(text,boolean) is not the server's own"],
    ),
    "large objects are open": (
        "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC",
        [
            (
                "server: closed functions: open: lo_create(oid) to public"
                " (create_database_roles closes them, run by a superuser)"
            )
        ],
    ),
    "the app may turn triggers off": (
        "GRANT SET ON PARAMETER session_replication_role TO agenhood_app",
        ["server: parameters: agenhood_app holds SET on session_replication_role"],
    ),
    "triggers are off in the session": (
        "SET LOCAL session_replication_role = replica",
        ["session: settings: session_replication_role=replica"],
    ),
    "the session begins in a workspace": (
        "SET LOCAL agenhood.workspace_id = 'x'",
        ["session: settings: agenhood.workspace_id=x"],
    ),
    "the platform's role brings a path of schemas along": (
        "ALTER ROLE agenhood_platform SET search_path = elsewhere, public",
        ["roles: settings: agenhood_platform: search_path=elsewhere, public"],
    ),
    "new tables that the platform may read": (
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE agenhood_owner GRANT SELECT ON TABLES"
            " TO agenhood_platform"
        ),
        [
            (
                "roles: default privileges: agenhood_platform would hold SELECT on"
                " agenhood_owner's TABLES"
            )
        ],
    ),
    "new functions that everybody may run": (
        ("ALTER DEFAULT PRIVILEGES FOR ROLE agenhood_owner GRANT EXECUTE ON FUNCTIONS TO PUBLIC"),
        ["roles: default privileges: public would run agenhood_owner's functions"],
    ),
    "a trigger on events": (
        (
            "CREATE FUNCTION heard() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
            " ALTER FUNCTION heard() OWNER TO agenhood_owner;"
            " CREATE EVENT TRIGGER hear ON ddl_command_end EXECUTE FUNCTION heard()"
        ),
        ["database: event triggers: hear"],
    ),
    "a publication": (
        "CREATE PUBLICATION everything FOR ALL TABLES",
        ["database: publications: everything"],
    ),
    "a subscription": (
        (
            "CREATE SUBSCRIPTION copies CONNECTION 'dbname=nowhere' PUBLICATION everything"
            " WITH (connect = false, slot_name = NONE)"
        ),
        ["database: subscriptions: copies"],
    ),
    "a way to another server": (
        (
            "CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER other FOREIGN DATA WRAPPER"
            " elsewhere; GRANT USAGE ON FOREIGN SERVER other TO agenhood_app;"
            " CREATE USER MAPPING FOR PUBLIC SERVER other"
        ),
        [
            "database: foreign servers: agenhood_app may use other",
            "database: user mappings: public on other",
        ],
    ),
    "a table that is hidden as a part of an extension": (
        "ALTER EXTENSION plpgsql ADD TABLE isolation_models_tag",
        ["database: extensions: table isolation_models_tag is part of plpgsql"],
    ),
    "a SECURITY DEFINER function that is hidden as a part of an extension": (
        (
            "CREATE FUNCTION peek() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1';"
            " ALTER EXTENSION plpgsql ADD FUNCTION peek()"
        ),
        [
            ("peek: function: runs with its owner's rights: SECURITY DEFINER; owned by postgres"),
            "database: extensions: function peek() is part of plpgsql",
        ],
    ),
    "a view of ours among the server's own": (
        "CREATE VIEW information_schema.report AS SELECT * FROM fleet_project",
        ["report: view: reads with its owner's rights: no security_invoker"],
    ),
    "row security is off in the session": (
        "SET LOCAL row_security = off",
        ["session: row security: off"],
    ),
}
FAULTS = {name: (OWNER, *fault) for name, fault in OWNERS_FAULTS.items()} | {
    name: ("", *fault) for name, fault in ADMINISTRATORS_FAULTS.items()
}

NO_POLICY = "DROP POLICY workspace_isolation ON fleet_project"


def lines() -> list[str]:
    return [f"{fault.table}: {fault.check}: {fault.detail}" for fault in faults()]


@pytest.fixture
def plant(become: Callable[[str], None]) -> Callable[..., None]:
    """Run SQL as a role, or as the superuser, and go on as the console's login."""

    def plant(sql: str, role: str = "") -> None:
        if role:
            become(role)
        with connection.cursor() as cursor:
            cursor.execute(sql)
        become(APP)

    return plant


@pytest.mark.django_db
def test_the_migrated_database_has_no_fault() -> None:
    found = findings()

    assert [finding for finding in found if not finding.ok] == []
    assert {"fleet_project", "workspaces_workspace", "accounts_user"} <= {f.table for f in found}


def test_functions_that_only_a_superuser_closes_may_be_open_where_none_set_it_up(
    plant: Callable[..., None],
) -> None:
    open_all = f"""
        DO $$ DECLARE f text; BEGIN
            FOR f IN {CLOSED_FUNCTIONS} LOOP
                IF f NOT LIKE 'lo_import%' AND f NOT LIKE 'lo_export%' THEN
                    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', f);
                END IF;
            END LOOP;
            CREATE ROLE boss;
            EXECUTE format('ALTER DATABASE %I OWNER TO boss', current_database());
        END $$"""
    plant(open_all)
    assert lines() == []

    plant("REVOKE EXECUTE ON FUNCTION pg_stat_get_activity FROM PUBLIC", SUPERUSER)
    (fault,) = lines()
    assert fault.startswith("server: closed functions: open: lo_close(integer) to public; ")


@pytest.mark.django_db
def test_each_function_is_compared_with_what_a_migration_makes() -> None:
    with connection.cursor() as cursor:
        cursor.execute(functions.FUNCTIONS)
        found = {row[0] for row in cursor.fetchall()}

    assert found == functions.as_migrated().keys()


def test_the_superuser_that_plants_faults_has_none_of_them_by_itself(
    plant: Callable[..., None],
) -> None:
    plant("SELECT 1")

    assert lines() == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_named(plant: Callable[..., None], name: str) -> None:
    role, sql, expected = FAULTS[name]

    plant(sql, role)

    assert lines() == expected


def test_another_login_than_the_consoles_is_a_fault(superuser_db: Any) -> None:
    assert "session: role: connected as postgres, not agenhood_app" in lines()


def test_a_role_that_does_not_exist_is_a_fault(plant: Callable[..., None]) -> None:
    plant("ALTER ROLE agenhood_backup RENAME TO agenhood_reserve")

    assert "agenhood_backup: role: does not exist" in lines()


def test_a_view_with_its_readers_rights_is_none(plant: Callable[..., None]) -> None:
    plant("CREATE VIEW report WITH (security_invoker) AS SELECT * FROM fleet_project", OWNER)

    assert lines() == []


def test_a_well_made_table_is_none(plant: Callable[..., None]) -> None:
    keyed = "FOREIGN KEY (workspace_id, project_id) REFERENCES fleet_project (workspace_id, id)"
    plant(AGENT.replace("project_id uuid", f"project_id uuid, {keyed}"), OWNER)

    assert lines() == []


@pytest.mark.django_db
def test_json_is_a_list_of_objects_with_four_keys() -> None:
    out = StringIO()

    call_command("check_isolation", "--json", stdout=out)

    found = json.loads(out.getvalue())
    assert [set(finding) for finding in found] == [{"table", "check", "ok", "detail"}] * len(found)
    assert {finding["ok"] for finding in found} == {True}
    assert {finding["detail"] for finding in found} == {""}


@pytest.mark.django_db
def test_the_table_for_people_counts_the_checks_of_each_kind() -> None:
    short, whole = StringIO(), StringIO()

    call_command("check_isolation", stdout=short)
    call_command("check_isolation", verbosity=2, stdout=whole)

    *counts, total = short.getvalue().splitlines()
    *rows, same_total = whole.getvalue().splitlines()
    assert total == same_total == f"{len(rows)} checks, 0 faults"
    assert all(row.startswith("ok ") for row in rows)
    assert sum(int(count.split()[0]) for count in counts) == len(rows)
    assert len(counts) < 60, "shorter than a screen or two"
    uniques = sum("  unique " in row for row in rows)
    assert [line for line in counts if "unique" in line] == [f"{uniques:5} ok     0 faults  unique"]


def test_a_fault_ends_the_command_with_1_and_is_in_its_table(plant: Callable[..., None]) -> None:
    plant(NO_POLICY, OWNER)
    out = StringIO()

    with pytest.raises(SystemExit) as exit_:
        call_command("check_isolation", stdout=out)

    assert exit_.value.code == 1
    faulty = [line for line in out.getvalue().splitlines() if line.startswith("FAULT")]
    assert [line.split(maxsplit=2)[1:] for line in faulty] == [
        ["fleet_project", "policy: has 0 policies, not one"]
    ]
    [policies] = [line for line in out.getvalue().splitlines() if line.endswith("faults  policy")]
    assert policies.split()[2] == "1"
    assert out.getvalue().endswith(" 1 faults\n")


def test_a_fault_ends_the_command_with_1_and_is_in_its_json(plant: Callable[..., None]) -> None:
    plant(NO_POLICY, OWNER)
    out = StringIO()

    with pytest.raises(SystemExit) as exit_:
        call_command("check_isolation", "--json", stdout=out)

    assert exit_.value.code == 1
    assert [finding for finding in json.loads(out.getvalue()) if not finding["ok"]] == [
        {
            "table": "fleet_project",
            "check": "policy",
            "ok": False,
            "detail": "has 0 policies, not one",
        }
    ]


def check_from_a_shell(database: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check_isolation", "--json"],
        cwd=postgres.ROOT,
        env=os.environ | {"DATABASE_URL": postgres.url(APP, database)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_from_a_shell_it_ends_with_0_and_after_a_fault_with_1(scratch: str) -> None:
    clean = check_from_a_shell(scratch)
    with postgres.superuser(scratch) as superuser:
        superuser.execute(NO_POLICY)
    faulty = check_from_a_shell(scratch)

    assert (clean.returncode, faulty.returncode) == (0, 1)
    assert [f["ok"] for f in json.loads(faulty.stdout)].count(False) == 1


def test_the_console_starts_on_a_clean_database(plant: Callable[..., None]) -> None:
    plant("SELECT 1")

    assert refuse_unsafe_start() is None


def test_the_console_does_not_start_and_names_each_fault(plant: Callable[..., None]) -> None:
    plant(f"{NO_POLICY}; GRANT TRUNCATE ON fleet_project TO agenhood_app", OWNER)

    with pytest.raises(ImproperlyConfigured) as refused:
        refuse_unsafe_start()

    assert "fleet_project: policy: has 0 policies, not one" in str(refused.value)
    assert "fleet_project: grants: agenhood_app holds TRUNCATE" in str(refused.value)
