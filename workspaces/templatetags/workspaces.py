"""What templates ask of a workspace: may this member, and when was that."""

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import template
from django.template.context import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def may(context: Context, permission: str) -> bool:
    """Return whether the person on whose page this is holds the permission here.

    `{% may "project.edit" as can_edit %}`. Raises KeyError for a name that no app granted.
    """
    membership = context["request"].membership
    return membership is not None and membership.may(permission)


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Show a time in the person's zone, which it names, with UTC on hover."""
    if value is None:
        return ""
    return _time(value, timezone.localtime(value).strftime("%-d %b %Y, %H:%M %Z"))


@register.filter
def until(value: datetime) -> SafeString:
    """Show when something ends: in the person's zone, and a midnight as the day before it."""
    local = timezone.localtime(value)
    if local.time() != time.min:
        return _time(value, local.strftime("%-d %b %Y, %H:%M %Z"))
    return _time(value, (local - timedelta(days=1)).strftime("the end of %-d %b %Y"))


def _time(value: datetime, shown: str) -> SafeString:
    utc = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        utc.isoformat(timespec="seconds"),
        utc.strftime("%Y-%m-%d %H:%M:%S"),
        shown,
    )


@register.filter
def utc_moment(value: datetime) -> SafeString:
    """Show a time in UTC to the millisecond, as the audit trail's reader compares it."""
    utc = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{} UTC</time>',
        utc.isoformat(timespec="milliseconds"),
        utc.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
    )


@register.filter
def hexadecimal(value: bytes) -> str:
    return bytes(value).hex()


@register.filter
def action_words(action: str) -> str:
    """Show "agent.restore_revision" as "Agent: restore revision"."""
    noun, _dot, verb = action.replace("_", " ").partition(".")
    return f"{noun.capitalize()}: {verb}" if verb else noun.capitalize()


@register.filter
def field_words(name: str) -> str:
    return name.replace("_", " ").capitalize()


@register.filter
def audit_value(value: Any) -> str:
    """Show what the audit trail holds of a value: text as it is, the rest in JSON."""
    if value is None or value == "":
        return "\u2013"
    if isinstance(value, str):
        return value
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else json.dumps(value)
