"""The automatic checks of a picture: which module does which, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

from darkroom_shared.contract.checks import (
    Blank,
    ChangeOutsideMask,
    CheckSpec,
    MissingAlpha,
    NearDuplicate,
    NearUniform,
    WrongSize,
    references_of,
)
from darkroom_shared.core.errors import ImageRefused, InvalidRequest
from darkroom_shared.core.problems import Problem
from darkroom_worker.checks import blank, change_outside_mask, missing_alpha, near_duplicate, near_uniform, wrong_size
from darkroom_worker.checks.seeing import Given, seen
from darkroom_worker.steps.runner import StepRunner

Run = Callable[[CheckSpec, Given], str | None]
_C = TypeVar("_C", bound=CheckSpec)


def _module(spec_type: type[_C], run: Callable[[_C, Given], str | None]) -> Run:
    def checked(spec: CheckSpec, given: Given) -> str | None:
        if not isinstance(spec, spec_type):
            raise TypeError(f"{spec_type.__name__} expected, not {type(spec).__name__}")
        return run(spec, given)

    return checked


MODULES: Final[Mapping[str, Run]] = {
    "blank": _module(Blank, blank.run),
    "near_uniform": _module(NearUniform, near_uniform.run),
    "wrong_size": _module(WrongSize, wrong_size.run),
    "change_outside_mask": _module(ChangeOutsideMask, change_outside_mask.run),
    "missing_alpha": _module(MissingAlpha, missing_alpha.run),
    "near_duplicate": _module(NearDuplicate, near_duplicate.run),
}
"""One module a kind; a test names the kind that has none."""


def check_picture(
    specs: Sequence[CheckSpec], picture: bytes, *, references: Mapping[str, bytes], siblings: Sequence[bytes]
) -> list[str]:
    """Runs checks here and now: CPU work of some 30 to 300 ms a megapixel, so never call it on an asyncio loop (see `check_apart`).

    Args:
        picture: encoded, as all the others.
        references: the pictures that `references_of(specs)` names; further ones do no harm.
        siblings: the pictures that were made beside it, without itself.

    Returns:
        A sentence for each check that it does not pass, in their order; empty if it passes all. One alone if it cannot be opened.

    Raises:
        InvalidRequest: a reference is missing.
        ImageRefused: a reference or a sibling is no picture that is accepted.
    """
    missing = [name for name in references_of(specs) if name not in references]
    if missing:
        raise InvalidRequest(
            [Problem("", f"the checks compare with {name!r}, which is not there", sorted(references)) for name in missing]
        )
    try:
        given = Given(seen(picture), references, siblings)
    except ImageRefused as error:
        return [f"The picture cannot be opened: {error}"]
    found = (MODULES[spec.kind](spec, given) for spec in specs)
    return [sentence for sentence in found if sentence is not None]


async def check_apart(
    runner: StepRunner, specs: Sequence[CheckSpec], picture: bytes, *, references: Mapping[str, bytes], siblings: Sequence[bytes]
) -> list[str]:
    """As `check_picture`, in a child process with a memory limit.

    Raises:
        InvalidRequest, ImageRefused: as there; ImageRefused also if the memory does not suffice.
    """
    call = partial(check_picture, tuple(specs), picture, references=dict(references), siblings=tuple(siblings))
    return await runner.apply("the check of the picture", call)
