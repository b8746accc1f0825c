"""Says who a caller is: by the key in the Authorization header, or anybody while no key was ever made and nobody else gets in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

from darkroom.api.problems import Refused
from darkroom_shared.contract.access import ANYBODY, Caller

FRESH_S: Final = 3.0
"""How long an answer of the ledger counts: so soon is a revoked key of no use any more."""
MOST: Final = 10_000
Verify = Callable[[str | None], Awaitable[tuple[bool, Caller | None]]]
_HOW: Final = {"WWW-Authenticate": 'Bearer realm="darkroom"'}


class Keyring:
    """Knows the keys that were shown lately.

    Args:
        verify: asks the ledger whether a key is needed, and who shows this one.
        always: whether a key is needed even while there is none, as others than this machine reach the server.
    """

    def __init__(self, verify: Verify, *, always: bool = False) -> None:
        self._verify = verify
        self._always = always
        self._known: OrderedDict[str | None, tuple[float, bool, Caller | None]] = OrderedDict()

    async def caller(self, key: str | None) -> Caller:
        """Who shows this key. Raises Refused for one that opens nothing, and for none where one is needed."""
        at, needed, caller = self._known.get(key, (float("-inf"), True, None))
        if monotonic() - at > FRESH_S:
            needed, caller = await self._verify(key)
            self._known[key] = (monotonic(), needed, caller)
            self._known.move_to_end(key)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        if caller is not None:
            return caller
        if key is not None and (needed or self._always):
            raise Refused(401, "unauthorized", "This API key opens nothing: it is wrong, revoked or over.", headers=_HOW)
        if needed or self._always:
            raise Refused(401, "unauthorized", "An API key is needed: `Authorization: Bearer dk_...`.", headers=_HOW)
        return ANYBODY
