from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0005_workspace_keys")]

    operations = []
