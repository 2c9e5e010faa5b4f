"""Which addresses no model is asked at: those where a machine's provider tells its secrets.

A workspace chooses where its models are, and may well have them beside the worker; but what
answers here is the worker's own machine, not a model.
"""

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

from agenhood.runtime.drivers.llm.failures import Ended

METADATA = {ip_address(text) for text in ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")}


def refuse_metadata(url: str) -> None:
    """Raise Ended where the address leads to a metadata service."""
    host = urlsplit(url).hostname or ""
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return  # asking will fail, and say so
    for text in found:
        address = ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if address.is_link_local or address in METADATA:
            raise Ended("The address of the model's provider is none that a model may be asked at.")
