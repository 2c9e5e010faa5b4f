"""Whether a person has a second factor, beside their name: the rows that say so are out of reach
inside a workspace. The database keeps it (workspaces/migrations/0009_required_second_factor.py)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_cache_table")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="has_second_factor",
            field=models.BooleanField(
                db_default=False, default=False, editable=False, verbose_name="second factor"
            ),
        ),
    ]
