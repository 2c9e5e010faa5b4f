"""The one way from an agent's sandbox to the network: a proxy of its own, for named hosts.

    with egress.proxy(folder, ["api.example.com"], on_connection, {}, uid=uid) as socket:
        ...  # the sandbox's programs reach the proxy at that unix socket

It resolves names by itself, and connects to public addresses only. See docs/egress.md.
"""

from agenhood.runtime.egress.hosts import AllowList
from agenhood.runtime.egress.proxy import proxy
from agenhood.runtime.egress.report import Connection, Limits

__all__ = ["AllowList", "Connection", "Limits", "proxy"]
