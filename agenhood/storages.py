"""Where the files of workspaces are kept: artifacts and exports, each as one of Django's storages.

By default a folder of the data folder, outside of everything that is served, for its owner only. An
S3-compatible store instead, when a URL names it:

    s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-1

Its keys come from AGENHOOD_FILES_ACCESS_KEY and AGENHOOD_FILES_SECRET_KEY, or from where boto3
looks itself. The bucket must be private: the console hands files out, the store to nobody.
"""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ImproperlyConfigured


def storage(
    name: str, *, folder: Path, url: str = "", access_key: str = "", secret_key: str = ""
) -> dict[str, Any]:
    """Return the entry of STORAGES that keeps `name`. Raises ImproperlyConfigured."""
    if url:
        return _in_bucket(name, url, access_key, secret_key)
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": str(folder / name),
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }


def _in_bucket(name: str, url: str, access_key: str, secret_key: str) -> dict[str, Any]:
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    unknown = asked.keys() - {"endpoint", "region"}
    if parts.scheme != "s3" or not parts.hostname or parts.username or unknown:
        raise ImproperlyConfigured(
            "AGENHOOD_FILES_URL must look like s3://bucket/prefix?endpoint=https://…&region=…;"
            " keys have settings of their own."
        )
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": parts.netloc,
            "location": "/".join(part for part in (parts.path.strip("/"), name) if part),
            "endpoint_url": asked.get("endpoint", [None])[0],
            "region_name": asked.get("region", [None])[0],
            "access_key": access_key or None,
            "secret_key": secret_key or None,
            "default_acl": None,
            "file_overwrite": False,
        },
    }
