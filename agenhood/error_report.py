"""What Django's error reports may show: nothing that was typed into a form for secrets."""

from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class ReportFilter(SafeExceptionReporterFilter):
    """Django's own filter, but at work under DEBUG too, and for a sensitive view in every frame.

    Between a view and what it calls there are Django's own functions, of forms for example, whose
    variables no decorator of ours reaches.
    """

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> Any:
        shown = super().get_traceback_frame_variables(request, tb_frame)
        # A job has no request: it may have opened a secret, and nobody debugs it by a report.
        if request is None or getattr(request, "sensitive_post_parameters", None):
            return [(name, self.cleansed_substitute) for name, _value in shown]
        return shown
