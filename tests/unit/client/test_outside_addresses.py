"""Which addresses a URL from outside may lead to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from darkroom_shared.core.addresses import UrlRefused, networks, parse_target, refusal

REFUSED = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2001:0:7f00:1::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::127.0.0.1",
    "::10.0.0.1",
    "64:ff9b:1::7f00:1",
    "3fff::1",
    "5f00::1",
    "2600::5efe:127.0.0.1",
    "2600::200:5efe:a00:1",
    "192.0.0.8",
    "192.88.99.1",
    "not an address",
]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_of_the_public_internet_is_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "52.94.236.248", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_may_be_asked(address: str) -> None:
    assert refusal(address) is None


def test_an_operator_may_allow_networks_and_no_more() -> None:
    allowed = networks("10.0.0.0/8, 127.0.0.1, fd00::/8")
    assert refusal("10.9.9.9", allowed) is None
    assert refusal("127.0.0.1", allowed) is None
    assert refusal("fd00::7", allowed) is None
    assert refusal("127.0.0.2", allowed)
    assert refusal("192.168.1.1", allowed)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.com/",
        "http://example.com/",
        "https://",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://exa mple.com/",
        "https://example.com\\@evil.test/",
        "https://[fe80::1%25eth0]/",
        "https://example.com:99999/",
        "https://b\u00fccher.example/",
        "https://example.com/" + "a" * 3000,
        "//example.com/",
        "https://a..com/",
        f"https://{'a' * 64}.com/",
        "https://-a.com/",
    ],
)
def test_a_url_of_another_kind_is_refused_without_repeating_a_password(url: str) -> None:
    with pytest.raises(UrlRefused) as caught:
        parse_target(url)
    assert "secret" not in str(caught.value)


def test_a_host_is_asked_at_the_address_that_was_checked() -> None:
    target = parse_target("https://Hooks.Example.com:8443/in?a=1")
    assert (target.authority, target.at(ip_address("1.2.3.4"))) == ("hooks.example.com:8443", "https://1.2.3.4:8443/in?a=1")
    plain = parse_target("http://hooks.example.com", plain=True)
    assert (plain.authority, plain.at(ip_address("2606::1"))) == ("hooks.example.com", "http://[2606::1]:80/")
