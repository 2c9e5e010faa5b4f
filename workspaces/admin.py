"""The admin site: platform staff provision workspaces, members and people, and nothing else.

Every request to it runs as the database role of the platform (workspaces/middleware.py), which has
no grant on anything that a workspace owns.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.sites import AdminSite
from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver

from accounts.mail import mail_is_set_up
from accounts.models import User
from accounts.provisioning import account_for, mail_set_password_link, set_password_path
from workspaces.admin_address import AddressProof
from workspaces.admin_forms import MembersFormSet, PersonAddForm, ProvisionForm, WorkspaceForm
from workspaces.admin_second_factor import SecondFactorReset
from workspaces.audit.platform import record_change, record_removals, record_saved, record_standing
from workspaces.models import Membership, Workspace
from workspaces.provisioning import provision_workspace


class PlatformAdminSite(AdminSite):
    site_header = site_title = "Agenhood platform"
    index_title = "Provisioning"
    site_url = "/"
    enable_nav_sidebar = False
    # Follows any id of any model to the page that shows it.
    WITHOUT = {"view_on_site"}

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [url for url in super().get_urls() if getattr(url, "name", "") not in self.WITHOUT]

    # Sessions and passwords are the console's, and out of the platform role's reach.
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("account_login")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_change_password")


platform_site = PlatformAdminSite(name="admin")


class PlatformAdmin(admin.ModelAdmin):
    """Nothing is deleted here, lists are filtered by what they offer, and a broken owner rule is
    told instead of failing."""

    view_on_site = False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # Django lets a query string filter by any field: so a password's hash could be guessed.
        return lookup.partition("__")[0] in self.get_list_filter(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            with transaction.atomic():
                return super().changeform_view(request, *args, **kwargs)
        except IntegrityError as error:
            message = f"Nothing was changed: {error.__cause__.diag.message_primary}."  # type: ignore[union-attr]
            self.message_user(request, message, messages.ERROR)
            return redirect(request.path)


def link_page(
    request: HttpRequest, user: User, title: str, back: str, workspace: Workspace | None = None
) -> HttpResponse:
    """Show a new account's set-password link, this once, and say whether it was mailed too."""
    link = request.build_absolute_uri(set_password_path(user))
    mailed = mails = mail_is_set_up()
    if mails:
        try:
            mail_set_password_link(request, user, link)
        except OSError:
            mailed = False
    context = {
        **platform_site.each_context(request),
        "title": title,
        "person": user,
        "link": link,
        "mails": mails,
        "mailed": mailed,
        "workspace": workspace,
        "back": back,
    }
    return TemplateResponse(request, "admin/set_password_link.html", context)


class MembershipInline(admin.TabularInline):
    model = Membership
    verbose_name = "member"
    formset = MembersFormSet
    fields = ["user", "role"]
    autocomplete_fields = ["user"]
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).order_by("user__email")


@admin.register(Workspace, site=platform_site)
class WorkspaceAdmin(PlatformAdmin):
    list_display = ["name", "slug", "members", "suspended_at", "created_at"]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))

    @admin.display(ordering="member_count")
    def members(self, workspace: Workspace) -> int:
        return int(workspace.member_count)  # type: ignore[attr-defined]

    def get_inlines(self, request: HttpRequest, obj: Workspace | None) -> list[Any]:
        return [MembershipInline] if obj else []

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        kwargs["form"] = WorkspaceForm if obj else ProvisionForm
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["slug"] if obj else []  # addresses that people kept would break

    def save_model(
        self, request: HttpRequest, obj: Workspace, form: ModelForm, change: bool
    ) -> None:
        if change:
            super().save_model(request, obj, form, change)
            record_change(form)
        else:
            made = provision_workspace(obj, form.cleaned_data["owner_email"])
            request.provisioned = made  # type: ignore[attr-defined]

    def save_formset(
        self, request: HttpRequest, form: ModelForm, formset: Any, change: bool
    ) -> None:
        record_removals(formset)
        super().save_formset(request, form, formset, change)
        record_saved(formset)

    def response_add(
        self, request: HttpRequest, obj: Workspace, post_url_continue: str | None = None
    ) -> HttpResponse:
        made = request.provisioned  # type: ignore[attr-defined]
        if not made.owner_is_new:
            return super().response_add(request, obj, post_url_continue)
        title = f"{obj.name} is provisioned"
        return link_page(request, made.owner, title, "admin:workspaces_workspace_changelist", obj)


@admin.register(User, site=platform_site)
class PersonAdmin(AddressProof, SecondFactorReset, PlatformAdmin):
    list_display = [
        "email",
        "address_proven",
        "name",
        "is_active",
        "is_staff",
        "has_second_factor",
        "last_login",
    ]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    ordering = ["email"]
    actions = ["new_link", "confirm_address", "reset_second_factor"]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        if obj is None:
            kwargs["form"] = PersonAddForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["email", "name", "is_active", "is_staff"] if obj else ["email", "name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Whoever could change the email could take the account over; one's own standing stays.
        if obj is None:
            return []
        return ["email", "is_active", "is_staff"] if obj.pk == request.user.pk else ["email"]

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            record_standing(obj, was_active=form.initial.get("is_active", obj.is_active))
        else:
            made, _is_new = account_for(obj.email, obj.name)
            obj.pk = made.pk
            obj._state.adding = False

    def response_add(
        self, request: HttpRequest, obj: User, post_url_continue: str | None = None
    ) -> HttpResponse:
        title = f"An account for {obj.email}"
        person = User.objects.get(pk=obj.pk)
        return link_page(request, person, title, "admin:accounts_user_changelist")

    @admin.action(description="Make a new set-password link")
    def new_link(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """For one person who never set a password; others reset theirs themselves."""
        person = queryset.first() if queryset.count() == 1 else None
        if person is None or person.has_usable_password() or not person.is_active:
            message = "Choose one active person who has not set a password yet."
            self.message_user(request, message, messages.ERROR)
            return None
        title = f"A new link for {person.email}"
        return link_page(request, person, title, "admin:accounts_user_changelist")
