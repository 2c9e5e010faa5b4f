from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0003_sign_in_tables")]

    operations = []
