"""Which client a connection or a request comes from, as far as its network address tells."""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
# One household, or one machine that is rented, has all addresses of such a network (RFC 6177, RIPE-690).
_OF_ONE_CLIENT = 64


def client_of(address: str) -> str:
    """Name the client behind an address: the address, or the network of an IPv6 address that is one client's own."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address  # of a socket without a network, or of a proxy that writes something else
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Network((int(ip), _OF_ONE_CLIENT), strict=False))


def read_networks(written: str) -> list[Network]:
    """Read addresses and networks, separated by spaces. Raises ValueError."""
    return [_network(one) for one in written.split()]


def _network(written: str) -> Network:
    try:
        network = ip_network(written)
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.0/8, separated by spaces") from None
    if network.prefixlen == 0:
        raise ValueError("must not be every address: then everybody could say who they are")
    return network


def is_among(address: str, networks: list[Network]) -> bool:
    """Say whether an address is in one of the networks."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks)
