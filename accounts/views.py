"""A person's own account: profile, and the sessions in which they are signed in."""

import re

from allauth.usersessions.models import UserSession
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from accounts.forms import ProfileForm
from accounts.htmx import is_partial
from accounts.requests import SignedInRequest
from accounts.second_factor import summary


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def account(request: SignedInRequest) -> HttpResponse:
    posted = request.method == "POST"
    form = ProfileForm(request.POST if posted else None, instance=request.user)
    saved = posted and form.is_valid()
    if saved:
        form.save()
        if not is_partial(request):
            return redirect("accounts:detail")
    elif posted:
        request.user.refresh_from_db()  # a ModelForm leaves rejected values on its instance
    template = "accounts/account_detail.html" + ("#profile-form" if is_partial(request) else "")
    context = {
        "form": form,
        "saved": saved,
        "sessions": _sessions(request),
        "summary": summary(request.user),
    }
    return render(request, template, context, status=422 if posted and not saved else 200)


@require_POST
def session_end(request: SignedInRequest, session_id: int) -> HttpResponse:
    session = get_object_or_404(UserSession, pk=session_id, user=request.user)
    current = session.session_key == request.session.session_key
    session.end()
    if current:
        request.session.flush()
        return redirect("account_login")
    return redirect("accounts:detail")


@require_POST
def sessions_end_others(request: SignedInRequest) -> HttpResponse:
    others = UserSession.objects.filter(user=request.user)
    for session in others.exclude(session_key=request.session.session_key):
        session.end()
    return redirect("accounts:detail")


def _sessions(request: SignedInRequest) -> list[dict[str, object]]:
    rows = [
        {
            "session": session,
            "current": session.session_key == request.session.session_key,
            "label": browser_name(session.user_agent),
        }
        for session in UserSession.objects.purge_and_list(request.user)
    ]
    return sorted(rows, key=lambda row: not row["current"])


def browser_name(user_agent: str) -> str:
    """Return "Firefox on Linux" and the like: enough to tell one's own sessions apart."""
    browsers = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {
        "Android": "Android",
        "iPhone|iPad": "iOS",
        "Windows": "Windows",
        "Mac OS": "macOS",
        "Linux": "Linux",
    }
    browser = next((name for part, name in browsers.items() if part in user_agent), "A browser")
    system = next((name for part, name in systems.items() if re.search(part, user_agent)), "")
    return f"{browser} on {system}" if system else browser
