"""Which addresses may be connected to, and how they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.sources.addresses import AddressPolicy, split_address
from poolkeeper.sources.base import SourceFailure

API_SERVER = "10.96.0.1"


@pytest.mark.parametrize(
    ("address", "meaning"),
    [
        ("10.0.0.7", None),
        ("192.168.4.4", None),
        ("93.184.216.34", None),
        ("fd00::7", None),
        ("2001:db8::1", None),
        ("127.0.0.1", "loopback"),
        ("127.255.0.3", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "reserved"),
        (API_SERVER, "API server"),
        ("::ffff:169.254.169.254", "link-local"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("2002:7f00:0001::1", "loopback"),
    ],
)
def test_what_is_refused_by_default(address: str, meaning: str | None) -> None:
    refusal = AddressPolicy.from_cidrs(api_server=[API_SERVER]).refusal(address)
    assert refusal is None if meaning is None else meaning in (refusal or "")


@pytest.mark.parametrize(
    ("allowed", "denied", "address", "accepted"),
    [
        (["10.0.0.0/8"], [], "10.1.2.3", True),
        (["10.0.0.0/8"], [], "192.168.1.1", False),
        (["10.0.0.0/8"], ["10.1.0.0/16"], "10.1.2.3", False),
        ([], ["10.1.0.0/16"], "10.2.2.3", True),
        (["127.0.0.0/8"], [], "127.0.0.1", True),
        (["127.0.0.1/32"], [], "127.0.0.1", True),
        (["0.0.0.0/0"], [], "127.0.0.1", False),
        (["0.0.0.0/0"], [], "169.254.169.254", False),
        (["169.254.0.0/16"], [], "169.254.7.7", True),
        (["169.254.0.0/16"], [], "169.254.169.254", False),
        (["169.254.169.254/32"], [], "169.254.169.254", True),
        (["0.0.0.0/0", "::/0"], [], API_SERVER, False),
        ([f"{API_SERVER}/32"], [], API_SERVER, True),
        (["::/0"], [], "10.0.0.1", False),
        (["10.0.0.0/8"], [], "fd00::1", False),
        (["0.0.0.0/0"], ["0.0.0.0/0"], "10.0.0.1", False),
    ],
)
def test_networks_from_flags(allowed: list[str], denied: list[str], address: str, accepted: bool) -> None:
    policy = AddressPolicy.from_cidrs(allowed=allowed, denied=denied, api_server=[API_SERVER])
    assert (policy.refusal(address) is None) == accepted


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_every_spelling(address: object) -> None:
    policy = AddressPolicy.from_cidrs(denied=["10.0.0.0/8"], api_server=[API_SERVER])
    assert policy.refusal(f"::ffff:{address}") == policy.refusal(str(address))


@pytest.mark.parametrize("cidr", ["10.0.0.1/8", "localhost", "", "10.0.0.0/33"])
def test_a_flag_that_is_no_network_is_refused(cidr: str) -> None:
    with pytest.raises(ValueError, match=r"host bits set|IPv4 or IPv6"):
        AddressPolicy.from_cidrs(allowed=[cidr])


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("redis.serving.svc:6379", ("redis.serving.svc", 6379)),
        ("10.0.0.7:1", ("10.0.0.7", 1)),
        ("[fd00::7]:6380", ("fd00::7", 6380)),
    ],
)
def test_addresses_are_split(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize(
    "address",
    ["redis", ":6379", "redis:", "redis:0", "redis:65536", "redis:x", "fd00::7", "a b:1", "a/b:1", "u@h:1"],
)
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(SourceFailure, match=r"write host:port, for example") as refused:
        split_address(address)
    assert refused.value.reason == "AddressInvalid"
