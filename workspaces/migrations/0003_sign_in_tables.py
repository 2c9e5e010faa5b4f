"""What people sign in with (addresses, sessions) is out of reach inside a workspace.

None of it belongs to one, and nothing in one needs it: a mistake there could else redirect
somebody's password mail, or read the key of their session. Signing in happens outside.
"""

from django.db import migrations

TABLES = ("account_emailaddress", "usersessions_usersession", "django_session")
OUTSIDE = "(SELECT workspaces.active_id()) IS NULL"


def protect(table):
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY outside_workspaces ON {table} TO agenhood_app USING ({OUTSIDE}) WITH CHECK ({OUTSIDE});
CREATE POLICY migrations ON {table} TO agenhood_owner USING (true) WITH CHECK (true);
"""


def unprotect(table):
    return f"""
DROP POLICY migrations ON {table};
DROP POLICY outside_workspaces ON {table};
ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0002_row_security"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("usersessions", "0001_initial"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        *(migrations.RunSQL(protect(table), unprotect(table)) for table in TABLES),
        migrations.RunSQL(
            "CREATE POLICY platform ON account_emailaddress TO agenhood_platform"
            " USING (true) WITH CHECK (true)",
            "DROP POLICY platform ON account_emailaddress",
        ),
    ]
