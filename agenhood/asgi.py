"""What the server runs. It refuses to start where the database would not keep workspaces apart."""

import os
import sys
import warnings

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured

# WhiteNoise answers with a file's iterator; reading such a small file at once is as good.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agenhood.settings")
os.environ.setdefault("AGENHOOD_DATABASE_POOL", "20")
pages = get_asgi_application()

from agenhood.live.route import Options, Streams  # noqa: E402 - needs the app registry
from workspaces.isolation import refuse_unsafe_start  # noqa: E402 - the same

try:
    refuse_unsafe_start()
except ImproperlyConfigured as fault:
    sys.exit(str(fault))

application = Streams(
    pages,
    Options(
        database=settings.WORKER_DATABASE_URL,
        recheck_seconds=settings.LIVE_RECHECK_SECONDS,
        per_person=settings.LIVE_PER_PERSON,
        per_process=settings.LIVE_PER_PROCESS,
    ),
)
