"""What the server runs. It refuses to start where the database would not keep workspaces apart."""

import os
import sys
import warnings

from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured

# WhiteNoise answers with a file's iterator; reading such a small file at once is as good.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agenhood.settings")
os.environ.setdefault("AGENHOOD_DATABASE_POOL", "20")
application = get_asgi_application()

from workspaces.isolation import refuse_unsafe_start  # noqa: E402 - needs the app registry

try:
    refuse_unsafe_start()
except ImproperlyConfigured as fault:
    sys.exit(str(fault))
