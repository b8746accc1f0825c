"""`darkroom webhooks`, from making an endpoint to its end. No receiver is asked: the stack's worker may reach none."""

from __future__ import annotations

import re

import pytest

from tests.acceptance.running import CommandLine

TENANT = ("--tenant", "hooked")


def test_an_endpoint_is_made_tried_changed_and_forgotten(darkroom: CommandLine) -> None:
    made = darkroom("webhooks", "create", "https://example.invalid/in", "--type", "job.*", *TENANT)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=\n", made.out)
    endpoint = made.err.split(":")[0]
    assert darkroom("webhooks", "list", *TENANT, "--json").json["endpoints"][0]["types"] == ["job.*"]
    delivery = darkroom("webhooks", "test", endpoint, *TENANT).out.strip()
    rows = darkroom("webhooks", "deliveries", endpoint, *TENANT, "--json").json["deliveries"]
    assert [(row["id"], row["type"]) for row in rows] == [(delivery, "endpoint.test")]
    assert "endpoint.test" in darkroom("webhooks", "deliveries", endpoint, *TENANT).out
    assert "disabled" in darkroom("webhooks", "change", endpoint, "--disable", *TENANT).err
    assert "in use" in darkroom("webhooks", "change", endpoint, "--enable", "--url", "https://example.invalid/other", *TENANT).err
    assert darkroom("webhooks", "redeliver", delivery, *TENANT).code == 0
    assert darkroom("webhooks", "rotate", endpoint, "--overlap", "1h", *TENANT).out != made.out
    assert darkroom("webhooks", "delete", endpoint, *TENANT).code == 0
    assert "no webhook endpoints" in darkroom("webhooks", "list", *TENANT).err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create", "https://10.0.0.1/"), "private"),
        (("create", "https://example.invalid/", "--type", "job.exploded"), "nothing that happens"),
        (("change", "wh_0000000000000000"), "Nothing is to be changed"),
        (("delete", "wh_0000000000000000"), "there is no webhook endpoint"),
        (("redeliver", "msg_1:wh_0000000000000000"), "there is no delivery"),
    ],
)
def test_what_is_wrong_is_told(darkroom: CommandLine, arguments: tuple[str, ...], told: str) -> None:
    done = darkroom("webhooks", *arguments, *TENANT)
    assert (done.code, told in done.err) == (2, True), done.err
