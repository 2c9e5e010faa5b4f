from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0004_audit_trail")]

    operations = []
