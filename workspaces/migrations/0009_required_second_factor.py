from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0008_jobs_and_exports")]

    operations = []
