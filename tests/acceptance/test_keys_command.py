"""`darkroom keys` and `darkroom audit`, in a ledger of their own so that the API of the other tests stays open."""

from __future__ import annotations

import re

import pytest

from tests.acceptance.running import CommandLine

PREFIX = "keys:"


@pytest.fixture
def keys(darkroom: CommandLine) -> CommandLine:
    return CommandLine({**darkroom.environment, "DARKROOM_KEY_PREFIX": PREFIX}, darkroom.folder)


def test_a_key_is_made_listed_rotated_and_revoked_and_all_of_it_is_recorded(keys: CommandLine) -> None:
    made = keys("keys", "create", "--tenant", "shop", "--scope", "read", "--name", "dashboard", "--expires-in", "90d")
    assert re.fullmatch(r"dk_[a-z2-7]{12}_[a-z2-7]{52}\n", made.out)
    assert "nobody can show it again" in made.err
    key_id = made.out.split("_")[1]
    listed = keys("keys", "list", "--json").json["keys"]
    assert [(key["id"], key["tenant"], key["scopes"], key["name"]) for key in listed] == [(key_id, "shop", ["read"], "dashboard")]
    assert "key" not in listed[0]
    turned = keys("keys", "rotate", key_id, "--overlap", "1h", "--json").json
    assert (turned["id"], turned["key"] != made.out.strip()) == (key_id, True)
    assert keys("keys", "revoke", key_id).code == 0
    assert "revoked" in keys("keys", "list").out
    actions = keys("audit", "--json").json["actions"]
    assert [(row["action"], row["subject"]) for row in actions] == [
        ("key.revoke", key_id),
        ("key.rotate", key_id),
        ("key.create", key_id),
    ]
    assert "@" in actions[0]["by"]
    assert "key.rotate" in keys("audit").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create",), "--tenant NAME, or --every-tenant"),
        (("create", "--tenant", "a", "--every-tenant"), "--tenant NAME, or --every-tenant"),
        (("create", "--tenant", "a", "--scope", "rule"), "no scope"),
        (("revoke", "nobody"), "there is no key"),
        (("rotate", "abcdefghijkl", "--overlap", "99d"), "0 to 30 days"),
    ],
)
def test_what_is_wrong_is_told(keys: CommandLine, arguments: tuple[str, ...], told: str) -> None:
    done = keys("keys", *arguments)
    assert (done.code, told in done.err) == (2, True), done.err
