"""API keys, and the record of what operators did, written once for both colours."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final, TypeVar, cast

from darkroom.effects import Flow, Sources, ask
from darkroom.options import WORD_RULE, is_word
from darkroom_shared.contract.access import EVERY_TENANT, SCOPES, Caller, Scope
from darkroom_shared.contract.views import View, instant
from darkroom_shared.core import api_keys
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem
from darkroom_shared.store import access

T = TypeVar("T")
LONGEST_LIFE: Final = timedelta(days=3660)
LONGEST_OVERLAP: Final = timedelta(days=30)
LONGEST_NAME: Final = 200
MOST_ACTIONS: Final = 200


class KeyView(View):
    """What is known of an API key; the key itself nobody can show again."""

    id: str
    name: str
    tenant: str
    """Whose jobs it sees and submits; `*` for those of every tenant."""
    scopes: tuple[Scope, ...]
    created: datetime
    expires: datetime | None
    used: datetime | None
    """When it was last shown, to the minute."""
    revoked: datetime | None
    old_secret_until: datetime | None
    """Until when the secret that it had before a rotation still opens."""


class NewKeyView(KeyView):
    """A key that was made, or rotated, just now."""

    key: str
    """The key. It is shown this once."""


class ActionView(View):
    """Something that an operator did."""

    id: str
    """Its place in the record; `before` of the next page."""
    at: datetime
    by: str
    """An API key's id, or who was logged in on which machine."""
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class KeyWish:
    """A key that is to be made.

    Attributes:
        tenant: whose jobs it sees and submits; `*` for those of every tenant.
        scopes: what it may do, one at least.
        name: for people, at most 200 characters.
        life: after this time it opens nothing; None for ever.
    """

    tenant: str
    scopes: Sequence[str]
    name: str = ""
    life: timedelta | None = None


def create(sources: Sources, wish: KeyWish, by: str) -> Flow[NewKeyView]:
    """Makes a key. Raises InvalidRequest with all that is wrong."""
    problems = _problems(wish)
    if problems:
        raise InvalidRequest(problems)
    secret = api_keys.new_secret(sources.randomness(api_keys.SECRET_BYTES))
    fields = {
        "sha256": api_keys.digest(secret),
        "tenant": wish.tenant,
        "scopes": json.dumps([scope for scope in SCOPES if scope in wish.scopes]),
        "name": wish.name,
    }
    if wish.life is not None:
        fields["expires_ms"] = str(sources.now_ms() + round(wish.life.total_seconds() * 1000))
    while True:
        key_id = api_keys.new_id(sources.randomness(api_keys.ID_BYTES))
        if (yield from ask(access.add_key(key_id, fields))):
            yield from ask(access.note(by, "key.create", key_id, wish.tenant))
            return (yield from _with_secret(key_id, secret))


def _problems(wish: KeyWish) -> list[Problem]:
    problems: list[Problem] = []
    if wish.tenant != EVERY_TENANT and not is_word(wish.tenant):
        problems.append(Problem("/tenant", f"{wish.tenant[:80]!r} is no tenant", f"{WORD_RULE}, or * for every tenant"))
    wrong = [scope for scope in wish.scopes if scope not in SCOPES]
    if wrong or not wish.scopes:
        problems.append(Problem("/scopes", f"{wrong[0][:80]!r} is no scope" if wrong else "it may do nothing", list(SCOPES)))
    if len(wish.name) > LONGEST_NAME:
        problems.append(Problem("/name", "the name is too long", f"at most {LONGEST_NAME} characters"))
    if wish.life is not None and not timedelta(seconds=1) <= wish.life <= LONGEST_LIFE:
        problems.append(Problem("/expires_in", f"{wish.life} is no life of a key", "1 second to 3660 days"))
    return problems


def every() -> Flow[list[KeyView]]:
    """All keys, those included that open nothing any more; the oldest first."""
    return [KeyView.model_validate(_told(record)) for record in (yield from ask(access.keys()))]


def rotate(sources: Sources, key_id: str, overlap: timedelta, by: str) -> Flow[NewKeyView]:
    """Gives a key another secret; the old one opens for as long as `overlap`, at most 30 days.

    Raises:
        InvalidRequest: there is no such key, it was revoked, or the overlap is out of range.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidRequest([Problem("/overlap", f"{overlap} is no overlap", "0 to 30 days")])
    secret = api_keys.new_secret(sources.randomness(api_keys.SECRET_BYTES))
    turned = yield from ask(access.turn_key(_checked(key_id), api_keys.digest(secret), round(overlap.total_seconds() * 1000)))
    if not turned:
        raise _no_key(key_id)
    yield from ask(access.note(by, "key.rotate", key_id, ""))
    return (yield from _with_secret(key_id, secret))


def revoke(key_id: str, by: str) -> Flow[None]:
    """From now on the key opens nothing; an API that has seen it lately knows within a few seconds. Raises InvalidRequest."""
    if not (yield from ask(access.revoke_key(_checked(key_id)))):
        raise _no_key(key_id)
    yield from ask(access.note(by, "key.revoke", key_id, ""))


def _checked(key_id: str) -> str:
    if not api_keys.KEY_ID.fullmatch(key_id):
        raise _no_key(key_id)
    return key_id


def _no_key(key_id: str) -> InvalidRequest:
    return InvalidRequest([Problem("/key", f"there is no key {key_id[:80]!r} that is in use", "the id of one, as `keys` lists it")])


def _with_secret(key_id: str, secret: str) -> Flow[NewKeyView]:
    _, _, record = yield from ask(access.shown(key_id))
    return NewKeyView.model_validate({**_told(record), "key": api_keys.written(key_id, secret)})


def _told(record: Mapping[str, str]) -> dict[str, object]:
    return {
        "id": record["id"],
        "name": record.get("name", ""),
        "tenant": record["tenant"],
        "scopes": tuple(json.loads(record["scopes"])),
        "created": instant(record["created_ms"]),
        "expires": instant(record.get("expires_ms")),
        "used": instant(record.get("used_ms")),
        "revoked": instant(record.get("revoked_ms")),
        "old_secret_until": instant(record.get("old_until_ms")),
    }


def verify(text: str | None) -> Flow[tuple[bool, Caller | None]]:
    """Whether a key is needed (as soon as one was ever made), and who shows this one; None for nobody."""
    found = api_keys.read(text) if text else None
    needed, now_ms, record = yield from ask(access.shown(found[0] if found else None))
    if found is None or not record:
        return needed, None
    digests = [record["sha256"]]
    if int(record.get("old_until_ms", "0")) > now_ms:
        digests.append(record["old_sha256"])
    over = "revoked_ms" in record or 0 < int(record.get("expires_ms", "0")) <= now_ms
    if not api_keys.opens(found[1], tuple(digests)) or over:
        return needed, None
    scopes = cast("list[Scope]", json.loads(record["scopes"]))
    tenant = None if record["tenant"] == EVERY_TENANT else record["tenant"]
    return needed, Caller(tenant, frozenset(scopes), found[0])


@cache
def here() -> str:
    """Who runs this process, and on which machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def audited(flow: Flow[T], by: str, action: str, subject: str, detail: str = "") -> Flow[T]:
    """Runs a flow that changes how the fleet works, and records that it was done, by whom, and on what."""
    done = yield from flow
    yield from ask(access.note(by, action, subject[:500], detail[:2000]))
    return done


def actions(limit: int, before: str | None) -> Flow[list[ActionView]]:
    """What operators did, the newest first; before this id, if one is given."""
    found = yield from ask(access.actions(before or "+", limit))
    return [
        ActionView.model_validate(
            {
                "id": name,
                "at": instant(fields["at_ms"]),
                **{word: fields.get(word, "") for word in ("by", "action", "subject", "detail")},
            }
        )
        for name, fields in found
    ]
