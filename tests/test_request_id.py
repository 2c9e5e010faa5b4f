"""What the log says of a request."""

import logging

import pytest

from agenhood.request_id import LogFilter


@pytest.mark.parametrize(
    "address",
    ["/invitations/open/SECRET/", "/invitations/open/SECRET/x/", "/password/reset/key/1-SECRET/"],
)
def test_what_opens_something_is_not_in_the_log(address):
    record = logging.LogRecord(
        "django.request", logging.WARNING, "", 0, "Not Found: %s", (address,), None
    )

    assert LogFilter().filter(record)

    assert "SECRET" not in record.getMessage()
    assert record.getMessage().startswith("Not Found: /")


def test_other_lines_stay_as_they_are():
    record = logging.LogRecord(
        "django.request", logging.WARNING, "", 0, "Not Found: %s", ("/invitations/new/",), None
    )

    LogFilter().filter(record)

    assert record.getMessage() == "Not Found: /invitations/new/"
