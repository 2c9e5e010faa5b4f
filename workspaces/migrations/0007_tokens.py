from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0006_invitations")]

    operations = []
