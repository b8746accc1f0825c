"""Signatures of webhooks: vectors, rotation, and the reference package as receiver."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from darkroom.webhooks import NotGenuine, unwrap, verify
from darkroom_shared.core import webhook_signing as signing

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(32)).decode()
BODY = b'{"type":"job.succeeded","data":{"id":"job_1"}}'
NOW = 1_900_000_000
VECTORS = [
    # (secret, id, timestamp, body, signature), worked out apart from the code with `openssl dgst -sha256 -mac HMAC`
    (SECRET, "msg_1", NOW, BODY, "v1,SZWQE1jcIzBJUPAMbx6uhczxbI08tw62z766d3X/dhA="),
    (OTHER, "msg_2", 1, b"", "v1,1FbrTnqAzmNlbhmAUg9cBtdgCppDXRWF+mQeGC1g0vc="),
]


def headers(signature: str, *, at: int = NOW, message_id: str = "msg_1") -> dict[str, str]:
    return {"Webhook-Id": message_id, "webhook-timestamp": str(at), "webhook-signature": signature}


@pytest.mark.parametrize(("secret", "message_id", "at", "body", "signature"), VECTORS)
def test_a_signature_is_as_it_was_worked_out_elsewhere(secret: str, message_id: str, at: int, body: bytes, signature: str) -> None:
    assert signing.sign(secret, message_id, at, body) == signature


def test_the_reference_package_takes_what_is_signed_here_and_the_other_way_round() -> None:
    now = datetime.now(UTC)
    at = int(now.timestamp())
    told = headers(signing.sign(SECRET, "msg_1", at, BODY), at=at)
    assert Webhook(SECRET).verify(BODY, {name.lower(): value for name, value in told.items()}) is not None
    made = Webhook(SECRET).sign("msg_1", now, BODY.decode())
    assert unwrap(BODY, headers(made, at=at), SECRET)["type"] == "job.succeeded"


def test_while_a_secret_is_rotated_either_of_the_two_opens() -> None:
    both = f"{signing.sign(OTHER, 'msg_1', NOW, BODY)} {signing.sign(SECRET, 'msg_1', NOW, BODY)}"
    for secret in (SECRET, OTHER, [OTHER, SECRET]):
        verify(BODY, headers(both), secret, now_s=NOW)


def test_a_key_pair_signs_for_those_who_may_not_know_a_secret() -> None:
    private = bytes(range(32))
    public = signing.written_public_key(signing.public_key(private))
    signed = signing.sign_with_key(private, "msg_1", NOW, BODY)
    verify(BODY, headers(f"{signing.sign(OTHER, 'msg_1', NOW, BODY)} {signed}"), public, now_s=NOW)
    with pytest.raises(NotGenuine, match="no signature fits"):
        verify(BODY + b" ", headers(signed), public, now_s=NOW)
    with pytest.raises(NotGenuine):
        verify(BODY, headers("v1a,%%%"), public, now_s=NOW)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"webhook-signature": "v1,AAAA"}, "no signature fits"),
        ({"webhook-signature": ""}, "not all there"),
        ({"Webhook-Id": "msg_2"}, "no signature fits"),
        ({"webhook-timestamp": str(NOW - 301)}, "301 s away"),
        ({"webhook-timestamp": str(NOW + 301)}, "301 s away"),
        ({"webhook-timestamp": "soon"}, "not all there"),
    ],
)
def test_what_is_not_genuine_is_told_apart(changed: dict[str, str], why: str) -> None:
    told = headers(signing.sign(SECRET, "msg_1", NOW, BODY)) | changed
    with pytest.raises(NotGenuine, match=why):
        verify(BODY, told, SECRET, now_s=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%", "whsec_AAAA", "whpk_", "whpk_AAAA"])
def test_a_secret_that_is_none_is_a_mistake_of_the_receiver_and_opens_nothing(secret: str) -> None:
    forged = hmac.new(b"", f"msg_1.{NOW}.".encode() + BODY, hashlib.sha256).digest()
    with pytest.raises(ValueError, match="no secret"):
        verify(BODY, headers(f"v1,{base64.b64encode(forged).decode()} v1a,AAAA"), secret, now_s=NOW)


def test_an_odd_signature_of_a_key_pair_is_not_genuine() -> None:
    public = signing.written_public_key(signing.public_key(bytes(range(32))))
    with pytest.raises(NotGenuine):
        verify(BODY, headers("v1a,\u00fc\u00fc"), public, now_s=NOW)
