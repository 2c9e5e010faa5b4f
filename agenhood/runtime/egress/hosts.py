"""Which hosts an agent may reach, by name and port."""

from collections.abc import Iterable

from agenhood.fleet.environment import clean_host
from agenhood.runtime.egress.addresses import parsed, refusal

PORTS = (80, 443)
WILDCARD = "*."


def normalised(host: str) -> str:
    """Return a host as it is compared: ASCII, small letters; an address in its one usual form.

    Raises ValueError for what is neither a public name nor an address as it is usually written.
    "127.1" and "0x7f000001" are neither.
    """
    address = parsed(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    if address is not None:
        if "%" in host:
            raise ValueError("An address with a zone leads to a link.")
        return str(address)
    return clean_host(host)


class AllowList:
    """Host names; `*.example.com` is all that end so, and not example.com itself. An address is
    one of the list only as it stands there, and only if it is public."""

    def __init__(self, hosts: Iterable[str]) -> None:
        """Raises ValueError for an entry that is no host."""
        names, endings = set(), set()
        for host in hosts:
            if host.startswith(WILDCARD):
                ending = normalised(host.removeprefix(WILDCARD))
                if parsed(ending):
                    raise ValueError(f"“{host}” is no host name.")
                endings.add("." + ending)
            else:
                name = normalised(host)
                address = parsed(name)
                if address is not None and (kind := refusal(address)):
                    raise ValueError(f"“{host}” is no public address: it is {kind}.")
                names.add(name)
        self.names, self.endings = frozenset(names), frozenset(endings)

    def refusal(self, host: str, port: int) -> str:
        """Return in words why a host, in its normal form, is out of reach; "" if it is not."""
        if host not in self.names:
            labels = host.split(".")
            ends = ("." + ".".join(labels[start:]) for start in range(1, len(labels)))
            if parsed(host) or self.endings.isdisjoint(ends):
                return "the host is not on the agent's list"
        if port not in PORTS:
            return "only the ports 80 and 443 are open"
        return ""
