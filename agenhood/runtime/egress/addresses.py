"""Which addresses an agent may be connected to: public ones, and no other."""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

# From IANA's registries of special-purpose addresses, and of clouds' services for their machines.
REFUSED: list[tuple[IPv4Network | IPv6Network, str]] = [
    (ip_network(network), kind)
    for network, kind in [
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "a provider's own"),  # 100.100.100.200 has a cloud's metadata
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's metadata"),
        ("169.254.0.0/16", "link-local"),  # and 169.254.169.254: metadata
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "a tunnel"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "an embedded IPv4"),
        ("::/96", "an embedded IPv4"),
        ("64:ff9b::/96", "an embedded IPv4"),
        ("64:ff9b:1::/48", "an embedded IPv4"),
        ("2001::/23", "reserved"),  # and Teredo's
        ("2001:db8::/32", "reserved"),
        ("2002::/16", "an embedded IPv4"),
        ("2620:4f:8000::/48", "reserved"),
        ("3fff::/20", "reserved"),
        ("fc00::/7", "private"),  # fd00:ec2::254 has a cloud's metadata
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    ]
]
PUBLIC_IPV6 = IPv6Network("2000::/3")


def parsed(text: str) -> Address | None:
    """Return an address as a resolver writes it, None if it is none."""
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def refusal(address: Address) -> str:
    """Return the kind of address that is not to be reached, "" for a public one of elsewhere."""
    for network, kind in REFUSED:
        if address.version == network.version and address in network:
            return kind
    if not (address in PUBLIC_IPV6 if address.version == 6 else address.is_global):
        return "reserved"
    return "this machine's" if is_own(address) else ""


def is_own(address: Address) -> bool:
    """Whether the address is one of this machine's. Nothing is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
            source = probe.getsockname()[0]
        except OSError:
            return False  # there is no way to it
    return parsed(source) == address
