"""A workspace may require a second factor; what proves one is out of reach inside a workspace.

Second factors and identities of single sign-on belong to people, as addresses and sessions do
(0003_sign_in_tables.py): signing in happens outside any workspace, and nothing in one needs them.
"""

from importlib import import_module

from django.db import migrations, models

sign_in_tables = import_module("workspaces.migrations.0003_sign_in_tables")
row_security = import_module("workspaces.migrations.0002_row_security")

TABLES = ("mfa_authenticator", "socialaccount_socialaccount")

# The platform takes a lost second factor, or a link to single sign-on, away. What it may read is
# whose they are, never the sealed seeds. Providers come from the settings, and tokens are not kept:
# nobody has a grant on their tables.
GRANTS = """
CREATE POLICY platform_sees ON mfa_authenticator FOR SELECT TO agenhood_platform USING (true);
CREATE POLICY platform_resets ON mfa_authenticator FOR DELETE TO agenhood_platform USING (true);
GRANT SELECT (id, user_id, type), DELETE ON mfa_authenticator TO agenhood_platform;
CREATE POLICY platform_sees ON socialaccount_socialaccount FOR SELECT TO agenhood_platform
    USING (true);
CREATE POLICY platform_resets ON socialaccount_socialaccount FOR DELETE TO agenhood_platform
    USING (true);
GRANT SELECT (id, user_id), DELETE ON socialaccount_socialaccount TO agenhood_platform;
REVOKE ALL ON socialaccount_socialapp, socialaccount_socialtoken FROM agenhood_app;
GRANT UPDATE (requires_second_factor) ON workspaces_workspace TO agenhood_app;
"""
NO_GRANTS = """
REVOKE UPDATE (requires_second_factor) ON workspaces_workspace FROM agenhood_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON socialaccount_socialapp, socialaccount_socialtoken
   TO agenhood_app;
REVOKE ALL ON mfa_authenticator, socialaccount_socialaccount FROM agenhood_platform;
DROP POLICY platform_resets ON socialaccount_socialaccount;
DROP POLICY platform_sees ON socialaccount_socialaccount;
DROP POLICY platform_resets ON mfa_authenticator;
DROP POLICY platform_sees ON mfa_authenticator;
"""

# The account says whether its person has a second factor: kept here, since fellow members are shown
# it and cannot read the factors. The account's row is locked first, so that two factors which are
# removed at the same moment are counted one after the other. Saving an account that was read before
# changes nothing about it.
NOTE = """
CREATE FUNCTION workspaces.note_second_factor() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    person uuid;
BEGIN
    FOR person IN
        SELECT DISTINCT p FROM unnest(ARRAY[
            CASE WHEN TG_OP <> 'INSERT' THEN OLD.user_id END,
            CASE WHEN TG_OP <> 'DELETE' THEN NEW.user_id END
        ]) AS p WHERE p IS NOT NULL ORDER BY p
    LOOP
        PERFORM FROM public.accounts_user WHERE id = person FOR NO KEY UPDATE;
        UPDATE public.accounts_user SET has_second_factor = EXISTS (
            SELECT FROM public.mfa_authenticator AS a
             WHERE a.user_id = person AND a.type IN ('totp', 'webauthn')
        ) WHERE id = person;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER note_second_factor AFTER INSERT OR DELETE OR UPDATE OF user_id, type
    ON mfa_authenticator FOR EACH ROW EXECUTE FUNCTION workspaces.note_second_factor();

CREATE FUNCTION workspaces.keep_second_factor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.has_second_factor := OLD.has_second_factor;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_second_factor BEFORE UPDATE OF has_second_factor ON accounts_user FOR EACH ROW
    WHEN (OLD.has_second_factor <> NEW.has_second_factor AND pg_trigger_depth() = 0)
    EXECUTE FUNCTION workspaces.keep_second_factor();
"""
DROP_NOTE = """
DROP TRIGGER keep_second_factor ON accounts_user;
DROP FUNCTION workspaces.keep_second_factor();
DROP TRIGGER note_second_factor ON mfa_authenticator;
DROP FUNCTION workspaces.note_second_factor();
"""

# As in 0002_row_security.py, and one thing more: whoever lacks a second factor that the workspace
# requires is told its name and does not enter it.
ENTER = """
CREATE FUNCTION workspaces.enter(wanted_slug text, person uuid)
RETURNS TABLE (
    membership_id uuid, workspace_id uuid, user_id uuid, role text, joined_at timestamptz,
    id uuid, name text, slug text, colour text, suspended_at timestamptz, suspension_reason text,
    requires_second_factor boolean, created_at timestamptz, second_factor_missing boolean
)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.set_config('agenhood.user_id', person::text, true);
    SELECT m.id, m.workspace_id, m.user_id, m.role, m.created_at,
           w.id, w.name, w.slug, w.colour, w.suspended_at, w.suspension_reason,
           w.requires_second_factor, w.created_at,
           w.requires_second_factor AND NOT EXISTS (
               SELECT FROM public.accounts_user AS u WHERE u.id = person AND u.has_second_factor
           )
      INTO membership_id, workspace_id, user_id, role, joined_at,
           id, name, slug, colour, suspended_at, suspension_reason,
           requires_second_factor, created_at, second_factor_missing
      FROM public.workspaces_workspace AS w
      JOIN public.workspaces_membership AS m ON m.workspace_id = w.id AND m.user_id = person
     WHERE w.slug = wanted_slug;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF NOT second_factor_missing THEN
        PERFORM pg_catalog.set_config('agenhood.workspace_id', workspace_id::text, true);
        IF suspended_at IS NOT NULL THEN
            PERFORM pg_catalog.set_config('transaction_read_only', 'on', true);
        END IF;
    END IF;
    RETURN NEXT;
END
$$;
"""
DROP_ENTER = "DROP FUNCTION workspaces.enter(text, uuid);"


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0008_jobs_and_exports"),
        ("accounts", "0003_second_factor"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="requires_second_factor",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Members without one are asked to set it up before they may enter.",
                verbose_name="require a second factor",
            ),
        ),
        *(
            migrations.RunSQL(sign_in_tables.protect(table), sign_in_tables.unprotect(table))
            for table in TABLES
        ),
        migrations.RunSQL(GRANTS, NO_GRANTS),
        migrations.RunSQL(NOTE, DROP_NOTE),
        migrations.RunSQL(DROP_ENTER + ENTER, DROP_ENTER + row_security.ENTER),
    ]
