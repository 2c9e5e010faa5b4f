"""`manage.py worker` with the probes: `python -m tests.workers ARGUMENTS…`."""

import sys

import django
from django.core.management import call_command

django.setup()

from tests.workers import probes  # noqa: E402, F401 - registers them, once there are apps

call_command("worker", *sys.argv[1:])
