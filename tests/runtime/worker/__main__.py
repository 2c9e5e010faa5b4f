"""`manage.py worker` whose tasks run without a sandbox: `python -m tests.runtime.worker …`."""

import sys

import django
from django.core.management import call_command

django.setup()

from tests.runtime.worker import unsandboxed  # noqa: E402 - once there are apps

unsandboxed.install()
call_command("worker", *sys.argv[1:])
