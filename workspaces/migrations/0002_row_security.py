"""Functions that row security asks, policies of the control tables, and the owner's rule.

The control tables (workspace, membership, people) have policies of their own, because a person sees
their memberships across workspaces and the platform sees all. What a workspace owns is guarded by
`WorkspaceIsolation` in each model's constraints, which calls the functions made here.
"""

from django.db import migrations

# Raises where zero rows would read as "there are none". Before the first set_config() in a session
# the setting is NULL, afterwards an empty string.
FUNCTIONS = """
CREATE FUNCTION workspaces.active_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT NULLIF(pg_catalog.current_setting('agenhood.workspace_id', true), '')::uuid
$$;

CREATE FUNCTION workspaces.active_user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT NULLIF(pg_catalog.current_setting('agenhood.user_id', true), '')::uuid
$$;

CREATE FUNCTION workspaces.current_id() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    active text := pg_catalog.current_setting('agenhood.workspace_id', true);
BEGIN
    IF active IS NULL OR active = '' THEN
        RAISE insufficient_privilege USING MESSAGE = 'no active workspace';
    END IF;
    RETURN active::uuid;
END
$$;

CREATE FUNCTION workspaces.refuse_new_workspace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE check_violation USING
        MESSAGE = pg_catalog.format('a row of %s never changes its workspace', TG_TABLE_NAME);
END
$$;
"""
DROP_FUNCTIONS = """
DROP FUNCTION workspaces.refuse_new_workspace();
DROP FUNCTION workspaces.current_id();
DROP FUNCTION workspaces.active_user_id();
DROP FUNCTION workspaces.active_id();
"""

# One round trip of a request: who is this person here, and enter. A suspended workspace is entered
# for reading only. The columns are those of Membership.enter().
ENTER = """
CREATE FUNCTION workspaces.enter(wanted_slug text, person uuid)
RETURNS TABLE (
    membership_id uuid, workspace_id uuid, user_id uuid, role text, joined_at timestamptz,
    id uuid, name text, slug text, colour text, suspended_at timestamptz, suspension_reason text,
    created_at timestamptz
)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.set_config('agenhood.user_id', person::text, true);
    SELECT m.id, m.workspace_id, m.user_id, m.role, m.created_at,
           w.id, w.name, w.slug, w.colour, w.suspended_at, w.suspension_reason, w.created_at
      INTO membership_id, workspace_id, user_id, role, joined_at,
           id, name, slug, colour, suspended_at, suspension_reason, created_at
      FROM public.workspaces_workspace AS w
      JOIN public.workspaces_membership AS m ON m.workspace_id = w.id AND m.user_id = person
     WHERE w.slug = wanted_slug;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM pg_catalog.set_config('agenhood.workspace_id', workspace_id::text, true);
    IF suspended_at IS NOT NULL THEN
        PERFORM pg_catalog.set_config('transaction_read_only', 'on', true);
    END IF;
    RETURN NEXT;
END
$$;
"""

# Several policies for one command are alternatives: the active workspace's rows or one's own.
# EXISTS and not IN, which would read all memberships of a person to enter one workspace.
CONTROL_TABLES = """
ALTER TABLE workspaces_workspace ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY active_workspace ON workspaces_workspace FOR SELECT TO agenhood_app
    USING (id = (SELECT workspaces.active_id()));
CREATE POLICY own_workspaces ON workspaces_workspace FOR SELECT TO agenhood_app
    USING (EXISTS (SELECT FROM workspaces_membership AS m
                    WHERE m.workspace_id = workspaces_workspace.id
                      AND m.user_id = (SELECT workspaces.active_user_id())));
CREATE POLICY change_active_workspace ON workspaces_workspace FOR UPDATE TO agenhood_app
    USING (id = (SELECT workspaces.active_id())) WITH CHECK (id = (SELECT workspaces.active_id()));
CREATE POLICY platform ON workspaces_workspace TO agenhood_platform
    USING (true) WITH CHECK (true);
REVOKE ALL ON workspaces_workspace FROM agenhood_app;
GRANT SELECT, UPDATE (name, colour) ON workspaces_workspace TO agenhood_app;
GRANT SELECT, INSERT, UPDATE ON workspaces_workspace TO agenhood_platform;

ALTER TABLE workspaces_membership ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY active_workspace ON workspaces_membership TO agenhood_app
    USING (workspace_id = (SELECT workspaces.active_id()))
    WITH CHECK (workspace_id = (SELECT workspaces.active_id()));
CREATE POLICY own_memberships ON workspaces_membership FOR SELECT TO agenhood_app
    USING (user_id = (SELECT workspaces.active_user_id()));
CREATE POLICY platform ON workspaces_membership TO agenhood_platform
    USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON workspaces_membership TO agenhood_platform;
CREATE TRIGGER workspace_id_is_immutable BEFORE UPDATE OF workspace_id ON workspaces_membership
    FOR EACH ROW WHEN (OLD.workspace_id IS DISTINCT FROM NEW.workspace_id)
    EXECUTE FUNCTION workspaces.refuse_new_workspace();
"""
DROP_CONTROL_TABLES = """
DROP TRIGGER workspace_id_is_immutable ON workspaces_membership;
REVOKE ALL ON workspaces_workspace, workspaces_membership FROM agenhood_platform;
GRANT SELECT, INSERT, UPDATE, DELETE ON workspaces_workspace TO agenhood_app;
DROP POLICY platform ON workspaces_membership;
DROP POLICY own_memberships ON workspaces_membership;
DROP POLICY active_workspace ON workspaces_membership;
ALTER TABLE workspaces_membership NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
DROP POLICY platform ON workspaces_workspace;
DROP POLICY change_active_workspace ON workspaces_workspace;
DROP POLICY own_workspaces ON workspaces_workspace;
DROP POLICY active_workspace ON workspaces_workspace;
ALTER TABLE workspaces_workspace NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
"""

# Inside a workspace only its members are in reach, and only one's own account can be changed: no
# right in a workspace has an effect outside it. Signing in happens outside any workspace.
PEOPLE = """
ALTER TABLE accounts_user ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY fellow_members ON accounts_user FOR SELECT TO agenhood_app USING (
    (SELECT workspaces.active_id()) IS NULL
    OR id = (SELECT workspaces.active_user_id())
    OR id IN (SELECT user_id FROM workspaces_membership
              WHERE workspace_id = (SELECT workspaces.active_id()))
);
CREATE POLICY own_account ON accounts_user FOR UPDATE TO agenhood_app
    USING ((SELECT workspaces.active_id()) IS NULL OR id = (SELECT workspaces.active_user_id()))
    WITH CHECK (
        (SELECT workspaces.active_id()) IS NULL OR id = (SELECT workspaces.active_user_id())
    );
CREATE POLICY platform ON accounts_user TO agenhood_platform USING (true) WITH CHECK (true);
REVOKE INSERT, DELETE ON accounts_user FROM agenhood_app;
GRANT SELECT, INSERT, UPDATE ON accounts_user, account_emailaddress TO agenhood_platform;
GRANT SELECT, INSERT ON django_admin_log TO agenhood_platform;
GRANT SELECT, INSERT ON django_content_type TO agenhood_platform;
REVOKE ALL ON django_admin_log FROM agenhood_app;

CREATE FUNCTION workspaces.guard_standing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'agenhood_platform' THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'only the platform makes staff, and closes or reopens an account';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_standing BEFORE UPDATE OF is_staff, is_active ON accounts_user FOR EACH ROW
    WHEN (OLD.is_staff <> NEW.is_staff OR OLD.is_active <> NEW.is_active)
    EXECUTE FUNCTION workspaces.guard_standing();
"""
DROP_PEOPLE = """
DROP TRIGGER guard_standing ON accounts_user;
DROP FUNCTION workspaces.guard_standing();
GRANT SELECT, INSERT, UPDATE, DELETE ON django_admin_log TO agenhood_app;
REVOKE ALL ON accounts_user, account_emailaddress, django_admin_log, django_content_type
    FROM agenhood_platform;
GRANT INSERT, DELETE ON accounts_user TO agenhood_app;
DROP POLICY platform ON accounts_user;
DROP POLICY own_account ON accounts_user;
DROP POLICY fellow_members ON accounts_user;
ALTER TABLE accounts_user NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
"""

# A workspace always has an owner who can sign in. The workspace's row is locked first, so that two
# owners who go at the same moment are counted one after the other.
# Whose account is closed may be made owner at that moment. So the account is locked too, against new
# memberships, whose key to it is a lock, taken at once and not at the commit; and each of its
# workspaces, against new roles in it.
OWNERS = """
CREATE FUNCTION workspaces.check_owner(checked uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM public.workspaces_workspace WHERE id = checked FOR NO KEY UPDATE;
    IF NOT EXISTS (
        SELECT FROM public.workspaces_membership AS m JOIN public.accounts_user AS u
            ON u.id = m.user_id
         WHERE m.workspace_id = checked AND m.role = 'owner' AND u.is_active
    ) THEN
        RAISE check_violation USING
            MESSAGE = 'a workspace always has an owner', CONSTRAINT = 'workspace_has_owner';
    END IF;
END
$$;

CREATE FUNCTION workspaces.membership_leaves_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM workspaces.check_owner(OLD.workspace_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER demotion_leaves_owner AFTER UPDATE ON workspaces_membership FOR EACH ROW
    WHEN (OLD.role = 'owner' AND (NEW.role <> 'owner' OR NEW.user_id <> OLD.user_id))
    EXECUTE FUNCTION workspaces.membership_leaves_owner();
CREATE TRIGGER removal_leaves_owner AFTER DELETE ON workspaces_membership FOR EACH ROW
    WHEN (OLD.role = 'owner') EXECUTE FUNCTION workspaces.membership_leaves_owner();

CREATE FUNCTION workspaces.deactivation_leaves_owner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    joined uuid;
BEGIN
    PERFORM FROM public.accounts_user WHERE id = NEW.id FOR UPDATE;
    FOR joined IN
        SELECT workspace_id FROM public.workspaces_membership
         WHERE user_id = NEW.id ORDER BY workspace_id
    LOOP
        PERFORM workspaces.check_owner(joined);
    END LOOP;
    RETURN NULL;
END
$$;
ALTER TABLE workspaces_membership
    ALTER CONSTRAINT workspaces_membership_user_id_96a9ee37_fk_accounts_user_id NOT DEFERRABLE;
CREATE TRIGGER deactivation_leaves_owner AFTER UPDATE OF is_active ON accounts_user FOR EACH ROW
    WHEN (OLD.is_active AND NOT NEW.is_active)
    EXECUTE FUNCTION workspaces.deactivation_leaves_owner();

CREATE FUNCTION workspaces.new_workspace_has_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM workspaces.check_owner(NEW.id);
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER new_workspace_has_owner AFTER INSERT ON workspaces_workspace
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION workspaces.new_workspace_has_owner();
"""
DROP_OWNERS = """
DROP TRIGGER new_workspace_has_owner ON workspaces_workspace;
DROP FUNCTION workspaces.new_workspace_has_owner();
DROP TRIGGER deactivation_leaves_owner ON accounts_user;
ALTER TABLE workspaces_membership
    ALTER CONSTRAINT workspaces_membership_user_id_96a9ee37_fk_accounts_user_id
    DEFERRABLE INITIALLY DEFERRED;
DROP FUNCTION workspaces.deactivation_leaves_owner();
DROP TRIGGER removal_leaves_owner ON workspaces_membership;
DROP TRIGGER demotion_leaves_owner ON workspaces_membership;
DROP FUNCTION workspaces.membership_leaves_owner();
DROP FUNCTION workspaces.check_owner(uuid);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0001_initial"),
        ("accounts", "0002_cache_table"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(ENTER, "DROP FUNCTION workspaces.enter(text, uuid)"),
        migrations.RunSQL(CONTROL_TABLES, DROP_CONTROL_TABLES),
        migrations.RunSQL(PEOPLE, DROP_PEOPLE),
        migrations.RunSQL(OWNERS, DROP_OWNERS),
    ]
