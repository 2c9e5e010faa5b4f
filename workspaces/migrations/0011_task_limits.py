"""How much a workspace may run, as the platform sets it."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0010_search"),
    ]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="max_cents_per_day",
            field=models.PositiveBigIntegerField(
                blank=True, null=True, verbose_name="US cents per day"
            ),
        ),
        migrations.AddField(
            model_name="workspace",
            name="max_cents_per_month",
            field=models.PositiveBigIntegerField(
                blank=True, null=True, verbose_name="US cents per month"
            ),
        ),
        migrations.AddField(
            model_name="workspace",
            name="max_queued_tasks",
            field=models.PositiveIntegerField(
                db_default=1000, default=1000, verbose_name="tasks in the queue"
            ),
        ),
        migrations.AddField(
            model_name="workspace",
            name="max_running_tasks",
            field=models.PositiveIntegerField(
                db_default=4,
                default=4,
                validators=[django.core.validators.MinValueValidator(1)],
                verbose_name="tasks at once",
            ),
        ),
        migrations.AddField(
            model_name="workspace",
            name="max_tokens_per_day",
            field=models.PositiveBigIntegerField(
                blank=True, null=True, verbose_name="tokens per day"
            ),
        ),
        migrations.AddField(
            model_name="workspace",
            name="max_tokens_per_month",
            field=models.PositiveBigIntegerField(
                blank=True, null=True, verbose_name="tokens per month"
            ),
        ),
    ]
