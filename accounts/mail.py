"""Whether this installation can mail at all."""

from django.conf import settings

NO_MAIL = {"dummy", "console"}  # what the settings fall back to: both reach nobody


def mail_is_set_up() -> bool:
    return settings.EMAIL_BACKEND.split(".")[-2] not in NO_MAIL
