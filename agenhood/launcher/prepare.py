"""Bring an instance up to date, in one process: schema, static files, the first account, samples.

    python -m agenhood.launcher.prepare [--demo]

Its environment has the owner's login, which the serving process never gets. Safe to run again.
"""

import os
import sys

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command


def main(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agenhood.settings")
    try:
        django.setup()
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        if settings.STATIC_ROOT:  # in development they are served from where they are written
            call_command("collectstatic", interactive=False, verbosity=0)
        call_command("create_platform_admin")
        if "--demo" in arguments:
            call_command("demo")
    except (CommandError, ImproperlyConfigured) as error:
        print(f"agenhood: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
