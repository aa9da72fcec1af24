"""Which addresses a queue may have: checked on the resolved IP, right before connecting to that IP.

A pool's author chooses the address, but the operator connects: without this check a pool could reach
addresses that only the operator can reach. Host names are not checked, since a name may resolve to any IP.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from poolkeeper.sources.base import SourceFailure

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PROTECTED = {
    "0.0.0.0/8": "unspecified",
    "::/128": "unspecified",
    "127.0.0.0/8": "loopback",
    "::1/128": "loopback",
    "169.254.0.0/16": "link-local",
    "fe80::/10": "link-local",
    "169.254.169.254/32": "a cloud metadata service",
    "100.100.100.200/32": "a cloud metadata service",
    "168.63.129.16/32": "a cloud metadata service",
    "fd00:ec2::254/128": "a cloud metadata service",
    "fd20:ce::254/128": "a cloud metadata service",
    "224.0.0.0/4": "multicast",
    "ff00::/8": "multicast",
    "240.0.0.0/4": "reserved",
}
_HOST_AND_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\s:\[\]/@]+)):(?P<port>[0-9]{1,5})")
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The networks that the cluster's owner allows for queues.

    A denied network is always refused. If any network is allowed, all others are refused. A protected network
    (loopback, link-local, metadata, the API server) is opened only by an allowed network that lies within it,
    so that a wide one such as 0.0.0.0/0 does not open it by accident.
    """

    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()
    protected: tuple[tuple[Network, str], ...] = tuple((ip_network(c), why) for c, why in _PROTECTED.items())

    @classmethod
    def from_cidrs(
        cls, *, allowed: Iterable[str] = (), denied: Iterable[str] = (), api_server: Iterable[str] = ()
    ) -> "AddressPolicy":
        """Build the policy from flags; `api_server` holds the IPs of the API server. Raises ValueError."""
        api = tuple((ip_network(address), "the Kubernetes API server") for address in api_server)
        return cls(
            allowed=tuple(ip_network(cidr) for cidr in allowed),
            denied=tuple(ip_network(cidr) for cidr in denied),
            protected=cls().protected + api,
        )

    def refusal(self, address: str) -> str | None:
        """Why the operator may not connect to this IP, as the end of a sentence; None where it may."""
        return next((why for each in _spellings(ip_address(address)) if (why := self._refusal(each))), None)

    def _refusal(self, address: Address) -> str | None:
        if any(address in network for network in self.denied):
            return "it is in a denied network (value demand.deniedCidrs)"
        opened = [network for network in self.allowed if address in network]
        for network, meaning in self.protected:
            if address in network and not any(_lies_within(each, network) for each in opened):
                return f"it is {meaning} (value demand.allowedCidrs opens {network} if that is intended)"
        if self.allowed and not opened:
            return "it is in none of the allowed networks (value demand.allowedCidrs)"
        return None


def _lies_within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _spellings(address: Address) -> list[Address]:
    """The address, and the IPv4 one that an IPv6 spelling of it reaches (mapped, 6to4, NAT64)."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [address, IPv4Address(int(address) & 0xFFFF_FFFF)]
    return [address, address.sixtofour] if address.sixtofour is not None else [address]


def split_address(address: str) -> tuple[str, int]:
    """Split `host:port` or `[v6]:port`; raises SourceFailure."""
    parts = _HOST_AND_PORT.fullmatch(address)
    port = int(parts["port"]) if parts else 0
    if not parts or not 0 < port < 65_536:
        raise SourceFailure(
            "AddressInvalid",
            f"{address!r} is not an address: write host:port, for example redis.serving.svc:6379",
        )
    return parts["v6"] or parts["host"], port
