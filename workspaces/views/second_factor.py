"""The page of whoever is kept out of a workspace, or of the admin site, for want of a second
factor. It lies outside workspaces, which they cannot enter."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.requests import SignedInRequest
from workspaces import recents
from workspaces.second_factor import must_have_second_factor
from workspaces.views.picker import own_memberships


@require_safe
def second_factor_required(request: SignedInRequest) -> HttpResponse:
    slug = request.GET.get("workspace", "")
    if not slug:
        if not must_have_second_factor(request.user):
            return redirect("home")
        return render(request, "workspaces/second_factor_required.html", {"required_by": None})
    memberships = own_memberships(request)
    membership = next((m for m in memberships if m.workspace.slug == slug), None)
    if membership is None:
        raise Http404
    workspace = membership.workspace
    if request.user.has_second_factor or not workspace.requires_second_factor:
        return redirect(workspace)
    # So that the start page leads there, once they have one.
    recents.remember(request.session, workspace)
    context = {"required_by": workspace, "others": len(memberships) > 1}
    return render(request, "workspaces/second_factor_required.html", context)
