"""Where files are kept: a folder, or a bucket that the settings name."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage.handler import StorageHandler

from agenhood.storages import storage


def test_a_folder_for_its_owner_alone(tmp_path):
    made = StorageHandler({"exports": storage("exports", folder=tmp_path)})["exports"]

    assert made.path("x") == str(tmp_path / "exports" / "x")
    assert (made.file_permissions_mode, made.directory_permissions_mode) == (0o600, 0o700)


def test_a_bucket_with_a_prefix_for_each_kind(tmp_path):
    settings = storage(
        "artifacts",
        folder=tmp_path,
        url="s3://files/agenhood?endpoint=https://s3.example.org&region=eu-1",
        access_key="key",
        secret_key="hidden",
    )
    made = StorageHandler({"artifacts": settings})["artifacts"]

    assert made.bucket_name == "files"
    assert made.location == "agenhood/artifacts"
    assert made.endpoint_url == "https://s3.example.org"
    assert made.region_name == "eu-1"
    assert (made.access_key, made.secret_key) == ("key", "hidden")
    assert made.default_acl is None
    assert not made.file_overwrite


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.example.org/bucket",
        "s3://",
        "s3:///prefix",
        "s3://key:secret@bucket/",
        "s3://bucket/?acl=public-read",
    ],
)
def test_a_url_that_is_no_buckets_stops_the_start(tmp_path, url):
    with pytest.raises(ImproperlyConfigured, match="AGENHOOD_FILES_URL") as error:
        storage("artifacts", folder=tmp_path, url=url)

    assert "secret@" not in str(error.value)
