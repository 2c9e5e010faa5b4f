"""The product's settings, one app more (models with the structures that its own lack so far), and
static files that nobody lists.

Only pytest and the migration of its template database read this. Programs that tests start (the
console, manage.py) read `agenhood.settings`: tests/conftest.py sees to it.
"""

from agenhood.settings import *  # noqa: F403
from agenhood.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.isolation.models_app"]

# A test client of its own for each test would list every static file before its first request.
WHITENOISE_AUTOREFRESH = True
