from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0007_tokens")]

    operations = []
