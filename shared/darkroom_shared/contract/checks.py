"""The automatic checks of a picture that was made: what each may be asked for. They cost no call.

The union `CheckSpec` is the registry; the worker has one module a kind. The defaults stand between pictures that are right and
pictures that are not, as measured on photographs, on what the local engine makes, and on synthetic pictures that are wrong; each
kind says by how much. No picture of a model on Bedrock was measured.

Colours are 8 bits a channel, and as they are seen: multiplied with alpha, so what is transparent is all alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from darkroom_shared.contract.kinds import kind_problems
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem

MOST_CHECKS: Final = 20
Name = Annotated[str, Field(min_length=1, max_length=100)]
Share = Annotated[float, Field(ge=0, le=1, description="a share of all pixels")]
Difference = Annotated[float, Field(ge=0, le=255, description="of 255")]
Side = Annotated[int, Field(ge=1, le=16_384, description="pixels")]


class Check(BaseModel):
    """A kind of check: its fields, and the pictures beside the one that is checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @property
    def references(self) -> tuple[str, ...]:
        """Names of the pictures with which it compares."""
        return ()


class Blank(Check):
    """The picture is not fully transparent, and not of one colour.

    One colour: each channel varies by at most 12 of 255. Measured: at most 9 for one colour written as WebP of quality 30 (0 as
    JPEG), and 133 or more in 11 photographs and scans and in 80 pictures of the local engine.
    """

    kind: Literal["blank"] = "blank"


class NearUniform(Check):
    """At most a share of the picture is nearly of one colour.

    Measured with the defaults: 0.91 or less in 11 photographs and scans (the moon on black has most) and 0.73 or less in 80
    pictures of the local engine (a small thing on white); 0.994 or more for one colour with grain of a standard deviation up to 4
    of 255. A thing on an even ground passes if it covers more than 2 % of the picture.
    """

    kind: Literal["near_uniform"] = "near_uniform"
    most: Annotated[float, Field(ge=0.5, lt=1, description="a share of all pixels")] = 0.98
    tolerance: Annotated[int, Field(ge=0, le=64)] = 12
    """How far red, green, blue and alpha may each be from the colour."""


class WrongSize(Check):
    """The picture has the size that was asked for, or at least about its proportions."""

    kind: Literal["wrong_size"] = "wrong_size"
    width: Side
    height: Side
    aspect_within: Annotated[float, Field(gt=0, le=1)] | None = None
    """None: exactly that size. Else any size whose width divided by its height is off by at most this part.

    Sizes in multiples of 64 pixels, as models make them of an `aspect_ratio`, are off by up to 0.03 (896x1088 for 4:5).
    """


class ChangeOutsideMask(Check):
    """What a mask keeps of the original is still as it was.

    Picture and original are compared as if they had one size, in fields of 1/128 of the longer side but at least 8 pixels, each by
    its channel that differs most. Fields of which the mask keeps only a part do not count, nor does anything within `margin` of the
    edited part.

    Measured, as mean and 95th percentile. Right: 0 and 0 for what the local engine keeps, in 9 edits; on four photographs of 384 to
    1152 pixels up to 3.4 and 7 for JPEG of quality 30, WebP of 60, half the size, and blur and grain as an autoencoder may leave
    them, and up to 4.3 and 6 for 3 % more light. Wrong, on the same: 7.3 and 13 or more for 10 % more light or 30 % less
    saturation, a 95th percentile of 14 or more for a shift by 0.7 % of the width and for a cut of 1 % at each side, 10 and 138 or
    more for a strange thing on 4 % of the picture, 22 and 64 or more for a picture drawn anew. Not always seen: smaller shifts, and
    a thing on 2 % of the picture (4.9 to 7.4 and 0).
    """

    kind: Literal["change_outside_mask"] = "change_outside_mask"
    original: Name = "original"
    """Name of the reference that is the picture before the edit."""
    mask: Name = "mask"
    """Name of the reference that is the mask; it is scaled to the original's size, and its greys are edited in part."""
    kept: Literal["black", "white"]
    """The colour of what should have stayed."""
    margin: Annotated[int, Field(ge=0, le=256, description="pixels of the original")] = 16
    """How far beyond the edited part a change is allowed, across or down: models pass over softly (the local engine: 8)."""
    mean: Difference = 6
    percentile_95: Difference = 12

    @property
    def references(self) -> tuple[str, ...]:
        """The original and the mask."""
        return (self.original, self.mask)


class MissingAlpha(Check):
    """At least a share of the picture is transparent, as it is in a cut-out.

    Transparent: alpha below 128. Measured: 0.34 or more in the local engine's cut-outs of three photographs, 0 in what has no
    alpha channel.
    """

    kind: Literal["missing_alpha"] = "missing_alpha"
    least: Annotated[float, Field(gt=0, le=1, description="a share of all pixels")] = 0.01


class NearDuplicate(Check):
    """The picture is not the same as one of its siblings.

    Both are divided into 32x32 fields (fewer, where they would be smaller than 12 pixels), and the mean colour of at least one must
    differ by `least`. Measured on four photographs of 384 to 1152 pixels, the same picture: up to 8 as JPEG of quality 30 or WebP
    of 60, up to 7 at a third of its size, with grain, or with 3 % more light. Other seeds of the local engine: 28 or more where
    there is a thing to be seen, 12 or more where only a quarter of the picture was painted anew; less for an even ground or a thing
    erased, which look the same whatever the seed. A picture that was mirrored or cut by 1 % counts as another (19 and more).
    """

    kind: Literal["near_duplicate"] = "near_duplicate"
    least: Annotated[float, Field(gt=0, le=255, description="of 255")] = 12


CheckSpec = Annotated[
    Blank | NearUniform | WrongSize | ChangeOutsideMask | MissingAlpha | NearDuplicate,
    Field(discriminator="kind"),
]
"""One check. A new kind is a class here, its name in this union, and a module of the worker."""

CHECK_TYPES: Final[tuple[type[Check], ...]] = get_args(get_args(CheckSpec)[0])
CHECK_KINDS: Final[tuple[str, ...]] = tuple(check.model_fields["kind"].default for check in CHECK_TYPES)
_ADAPTER: Final[TypeAdapter[CheckSpec]] = TypeAdapter(CheckSpec)
_SPECS: Final = dict(zip(CHECK_KINDS, CHECK_TYPES, strict=True))


def parse_checks(value: object) -> tuple[CheckSpec, ...]:
    """The checks that a JSON list describes, at most 20.

    Raises:
        InvalidRequest: it describes none; all findings at once, pointers beginning with the number of the check.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InvalidRequest([Problem("", "checks are a list", [{"kind": kind} for kind in CHECK_KINDS])])
    items = cast("Sequence[object]", value)
    if len(items) > MOST_CHECKS:
        raise InvalidRequest([Problem("", f"there are {len(items)} checks", {"minItems": 0, "maxItems": MOST_CHECKS})])
    specs: list[CheckSpec] = []
    problems: list[Problem] = []
    for number, item in enumerate(items):
        try:
            specs.append(_ADAPTER.validate_python(item))
        except ValidationError as error:
            found = kind_problems(error, _SPECS, "a check")
            problems += [Problem(f"/{number}{one.pointer}", one.message, one.allowed) for one in found]
    if problems:
        raise InvalidRequest(problems)
    return tuple(specs)


def references_of(specs: Sequence[CheckSpec]) -> tuple[str, ...]:
    """Names of the pictures that must be at hand beside the one that is checked, each once."""
    return tuple(dict.fromkeys(name for spec in specs for name in spec.references))
