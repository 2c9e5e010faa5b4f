"""Make the first account of the platform staff, if there is none."""

import os
import secrets
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from accounts.models import User
from accounts.provisioning import account_for
from workspaces.scope import platform_scope


class Command(BaseCommand):
    help = (
        "Makes the first platform admin from AGENHOOD_ADMIN_EMAIL and AGENHOOD_ADMIN_PASSWORD"
        " (a random password, printed once, where there is none). Does nothing when there is one."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with platform_scope("make the first platform admin"):
            if User.objects.filter(is_staff=True).exists():
                return
            email = os.environ.get("AGENHOOD_ADMIN_EMAIL", "admin@agenhood.test").strip().lower()
            chosen = os.environ.get("AGENHOOD_ADMIN_PASSWORD", "")
            password = chosen or secrets.token_urlsafe(12)
            try:
                validate_email(email)
                if chosen:
                    validate_password(chosen, User(email=email))
            except ValidationError as error:
                raise CommandError(
                    f"AGENHOOD_ADMIN_EMAIL or AGENHOOD_ADMIN_PASSWORD: {' '.join(error.messages)}"
                ) from error
            admin, _is_new = account_for(email)
            admin.set_password(password)
            admin.is_staff = True
            admin.save()
        self.stdout.write(f"Platform admin: {email}")
        if not chosen:
            self.stdout.write(f"Password, shown only now: {password}")
