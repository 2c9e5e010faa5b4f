"""Keyset paging, by name and by newest, as `workspaces.paging` has it."""

from workspaces.paging import (
    CAP,
    PAGE_SIZE,
    Count,
    Page,
    capped_count,
    page_by_name,
    page_by_newest,
    page_by_number,
)

__all__ = [
    "CAP",
    "PAGE_SIZE",
    "Count",
    "Page",
    "capped_count",
    "page_by_name",
    "page_by_newest",
    "page_by_number",
]
