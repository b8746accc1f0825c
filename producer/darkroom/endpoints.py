"""Webhook endpoints and what was sent to them, written once for both colours.

An endpoint is a tenant's. Its secret is shown when it is made or rotated, and not again; the ledger keeps it, as it signs with it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from darkroom.effects import Flow, Sources, ask
from darkroom.operating import checked_tenant
from darkroom_shared.contract.views import View, instant
from darkroom_shared.core import webhook_signing as signing
from darkroom_shared.core.addresses import UrlRefused, networks, parse_target, refusal
from darkroom_shared.core.errors import InvalidRequest, QueueFull
from darkroom_shared.core.lifecycle import TERMINAL_JOB_STATES
from darkroom_shared.core.problems import Problem
from darkroom_shared.store import hooks
from darkroom_shared.store.hooks import Delivery

TYPES: Final = (
    *(f"job.{state}" for state in sorted(TERMINAL_JOB_STATES)),
    "workflow.finished",
    "workflow.waiting",
    "batch.finished",
    "endpoint.test",
)
"""What may happen. `job.*` stands for all that begin so, `*` for everything."""
HOOK_ID: Final = re.compile(r"^wh_[0-9a-f]{16}$")
LONGEST_OVERLAP: Final = timedelta(days=30)
MOST_TYPES: Final = 20
MOST_DELIVERIES: Final = 200


class EndpointView(View):
    """A webhook endpoint."""

    id: str
    tenant: str
    url: str
    types: tuple[str, ...]
    """What it wants to know of."""
    name: str
    asymmetric: bool
    """Whether messages are signed with the ledger's key pair, too."""
    created: datetime
    failing_since: datetime | None
    """Since when it has taken nothing."""
    disabled: datetime | None
    """Since when it gets nothing any more; what waits is kept for 30 days."""
    disabled_why: str
    old_secret_until: datetime | None


class NewEndpointView(EndpointView):
    """An endpoint that was made, or whose secret was rotated, just now."""

    secret: str
    """Shown this once."""


class TryView(View):
    """One try to deliver a message."""

    number: int
    at: datetime
    status: int | None
    """Of the answer; None if there was none."""
    took_ms: int
    error: str = ""
    said: str = ""


class DeliveryView(View):
    """A message to an endpoint."""

    id: str
    message: str
    """The header `webhook-id`: the same however often it is sent."""
    type: str
    subject: str
    """The job, workflow or batch."""
    state: Literal["pending", "delivered", "failed"]
    created: datetime
    next_try: datetime | None
    tries: tuple[TryView, ...]


@dataclass(frozen=True, slots=True)
class EndpointWish:
    """An endpoint that is to be made, or what is to be changed of one.

    Attributes:
        url: where messages go; None to leave it.
        types: what it wants to know of; None to leave it.
        name: for people.
        asymmetric: whether to sign with the ledger's key pair, too.
        enabled: True takes a disabling back, False disables it.
    """

    url: str | None = None
    types: Sequence[str] | None = None
    name: str | None = None
    asymmetric: bool | None = None
    enabled: bool | None = None


def create(sources: Sources, tenant: str, wish: EndpointWish, private_networks: str) -> Flow[NewEndpointView]:
    """Makes an endpoint. Raises InvalidRequest with all that is wrong; QueueFull if the tenant has 20."""
    checked_tenant(tenant)
    told = EndpointWish(
        wish.url or "", ("*",) if wish.types is None else wish.types, wish.name or "", wish.asymmetric or False, None
    )
    fields = _fields(told, private_networks, sources)
    secret = signing.new_secret(sources.randomness(signing.SECRET_BYTES))
    hook = f"wh_{sources.randomness(8).hex()}"
    made = yield from ask(hooks.set_hook(hook, tenant, {**fields, "secret": secret}, create=True))
    if made == "full":
        raise QueueFull(f"{tenant} has {hooks.MOST_HOOKS} webhook endpoints, and may not have more.")
    return (yield from _with_secret(tenant, hook, secret))


def _fields(wish: EndpointWish, private_networks: str, sources: Sources) -> dict[str, str]:
    problems: list[Problem] = []
    if wish.url is not None:
        problems += _wrong_url(wish.url, private_networks)
    if wish.types is not None:
        problems += _wrong_types(wish.types)
    if wish.name is not None and len(wish.name) > 200:
        problems.append(Problem("/name", "the name is too long", "at most 200 characters"))
    if problems:
        raise InvalidRequest(problems)
    fields = {
        "url": wish.url,
        "name": wish.name,
        "types": None if wish.types is None else json.dumps(list(dict.fromkeys(wish.types))),
    }
    found = {name: value for name, value in fields.items() if value is not None}
    if wish.asymmetric is not None:
        found["asymmetric"] = "1" if wish.asymmetric else "0"
    if wish.enabled is False:
        found |= {"disabled_ms": str(sources.now_ms()), "disabled_why": "somebody disabled it"}
    return found


def _wrong_url(url: str, private_networks: str) -> list[Problem]:
    """What can be seen of a URL without asking anybody; where its name leads is looked at each time a message is sent."""
    allowed = networks(private_networks)
    try:
        target = parse_target(url, plain=bool(allowed))
    except UrlRefused as error:
        return [Problem("/url", f"messages cannot go there: {error}", "https://…, a host of the public internet")]
    literal = bool(re.fullmatch(r"[\d.]+", target.host)) or ":" in target.host
    why = refusal(target.host, allowed) if literal else None
    if why is None and target.host == "localhost" and not allowed:
        why = "it is this machine's own"
    return [Problem("/url", f"messages cannot go there: {why}", "a host of the public internet")] if why else []


def _wrong_types(types: Sequence[str]) -> list[Problem]:
    known = {"*", *TYPES, *(f"{kind.partition('.')[0]}.*" for kind in TYPES)}
    wrong = [kind for kind in types if kind not in known]
    if wrong or not 0 < len(types) <= MOST_TYPES:
        message = f"{wrong[0][:80]!r} is nothing that happens" if wrong else f"{len(types)} types"
        return [Problem("/types", message, sorted(known))]
    return []


def every(tenant: str) -> Flow[list[EndpointView]]:
    """A tenant's endpoints."""
    return [EndpointView.model_validate(_told(record)) for record in (yield from ask(hooks.hooks(checked_tenant(tenant))))]


def look(tenant: str, hook: str) -> Flow[EndpointView]:
    """One endpoint. Raises InvalidRequest."""
    found = {view.id: view for view in (yield from every(tenant))}.get(hook)
    if found is None:
        raise no_endpoint(hook)
    return found


def change(sources: Sources, tenant: str, hook: str, wish: EndpointWish, private_networks: str) -> Flow[EndpointView]:
    """Changes an endpoint; what is left out stays. Raises InvalidRequest."""
    fields = _fields(wish, private_networks, sources)
    clear = ("disabled_ms", "disabled_why", "failing_ms") if wish.enabled else ()
    if (yield from ask(hooks.set_hook(hook, checked_tenant(tenant), fields, clear=clear))) != "done":
        raise no_endpoint(hook)
    return (yield from look(tenant, hook))


def rotate(sources: Sources, tenant: str, hook: str, overlap: timedelta) -> Flow[NewEndpointView]:
    """Gives an endpoint another secret; as long as `overlap`, messages are signed with the old one, too. Raises InvalidRequest."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidRequest([Problem("/overlap", f"{overlap} is no overlap", "0 to 30 days")])
    records = {record["id"]: record for record in (yield from ask(hooks.hooks(checked_tenant(tenant))))}
    if hook not in records:
        raise no_endpoint(hook)
    secret = signing.new_secret(sources.randomness(signing.SECRET_BYTES))
    until = str(sources.now_ms() + round(overlap.total_seconds() * 1000))
    fields = {"secret": secret, "old_secret": records[hook]["secret"], "old_until_ms": until}
    yield from ask(hooks.set_hook(hook, tenant, fields))
    return (yield from _with_secret(tenant, hook, secret))


def delete(tenant: str, hook: str) -> Flow[None]:
    """Forgets an endpoint, and what waits for it. Raises InvalidRequest."""
    if not (yield from ask(hooks.delete_hook(hook, checked_tenant(tenant)))):
        raise no_endpoint(hook)


def send_test(tenant: str, hook: str) -> Flow[str]:
    """Sends a message of the type `endpoint.test`; gives its delivery. Raises InvalidRequest."""
    delivery = yield from ask(hooks.send_test(hook, checked_tenant(tenant)))
    if not delivery:
        raise no_endpoint(hook)
    return delivery


def deliveries(tenant: str, hook: str, limit: int = 50, offset: int = 0) -> Flow[list[DeliveryView]]:
    """What was sent to an endpoint, the newest first; 1,000 are kept, for 30 days. Raises InvalidRequest."""
    yield from look(tenant, hook)
    return [_delivery(found) for found in (yield from ask(hooks.deliveries(hook, tenant, offset, limit)))]


def redeliver(tenant: str, delivery: str) -> Flow[None]:
    """Sends a message once more, under the same id. Raises InvalidRequest."""
    hook = delivery.rpartition(":")[2]
    if not (yield from ask(hooks.again(delivery, hook, checked_tenant(tenant)))):
        raise InvalidRequest([Problem("/delivery", f"there is no delivery {delivery[:80]!r}", "an id, as `deliveries` lists it")])


def public_key(sources: Sources) -> Flow[bytes]:
    """The 32 bytes with which `v1a` signatures are verified. Raises ImportError without the package cryptography."""
    drawn = base64.b64encode(sources.randomness(32)).decode("ascii")
    return signing.public_key(base64.b64decode((yield from ask(hooks.signing_key(drawn)))))


def no_endpoint(hook: str) -> InvalidRequest:
    """What is told of an endpoint that is not there, or is another tenant's."""
    return InvalidRequest(
        [Problem("/endpoint", f"there is no webhook endpoint {hook[:80]!r}", "the id of one, as `list` shows it")]
    )


def _with_secret(tenant: str, hook: str, secret: str) -> Flow[NewEndpointView]:
    records = {record["id"]: record for record in (yield from ask(hooks.hooks(tenant)))}
    return NewEndpointView.model_validate({**_told(records[hook]), "secret": secret})


def _told(record: Mapping[str, str]) -> dict[str, object]:
    return {
        "id": record["id"],
        "tenant": record["tenant"],
        "url": record["url"],
        "types": tuple(json.loads(record["types"])),
        "name": record.get("name", ""),
        "asymmetric": record.get("asymmetric") == "1",
        "created": instant(record["created_ms"]),
        "failing_since": instant(record.get("failing_ms")),
        "disabled": instant(record.get("disabled_ms")),
        "disabled_why": record.get("disabled_why", ""),
        "old_secret_until": instant(record.get("old_until_ms")),
    }


def _delivery(found: Delivery) -> DeliveryView:
    record = found.record
    rows = [json.loads(text) for text in found.tries]
    tries = [
        {
            **{name: row[name] for name in ("status", "took_ms", "error", "said")},
            "number": row["try"],
            "at": instant(str(row["at_ms"])),
        }
        for row in rows
    ]
    return DeliveryView.model_validate(
        {
            "id": record["id"],
            "message": record["message"],
            "type": record["type"],
            "subject": record["subject"],
            "state": record["state"],
            "created": instant(record["created_ms"]),
            "next_try": None if found.due_ms is None else instant(str(found.due_ms)),
            "tries": tuple(tries),
        }
    )
