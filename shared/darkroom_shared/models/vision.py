"""Models that look at pictures, called by Converse: Claude of Anthropic, Nova of Amazon. Profiles, life cycle, limits.

Each inference profile is a model of its own here, as it has a quota of its own and runs its calls in Regions of its own: `eu.` in
Europe, `global.` anywhere. A bare id stands for the profile that can be called from the job's Region (`Catalogue.find_model`).

The order is that in which `auto` takes them where no prices are known: the quick ones first, which are the cheap ones of their
makers, then the larger ones, and at the end the older ones; of one model the profiles of a geography before the global one.

Source: the model lists and life cycle pages of the Bedrock user guide, autumn 2026, and a dated catalogue of profiles. They name
profiles by geography and not the Regions from which each can be called: `_GEOGRAPHIES` has those in which Bedrock offers models of
this kind, and a call from another one is refused by AWS at no cost. Their quotas are not in what was read: they are learned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from darkroom_shared.core.problems import Problem
from darkroom_shared.models.body_size import resolved_size_problems
from darkroom_shared.models.converse_answers import converse_reading
from darkroom_shared.models.converse_schema import check_converse_body, converse_schemas, format_problems
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.image_rules import all_picture_problems
from darkroom_shared.models.model import Body, Facts, Family, Model, Size
from darkroom_shared.models.native_rules import native_price
from darkroom_shared.task_types import CONVERSE, as_object, image_places, replace_at

IN_REGION: Final = "eu-west-2"
"""The one Region where models of this kind are offered without a profile."""
_GEOGRAPHIES: Final[Mapping[str, tuple[str, ...]]] = {
    "us": ("us-east-1", "us-east-2", "us-west-2"),
    "eu": ("eu-central-1", "eu-west-1", "eu-west-3"),
    "jp": ("ap-northeast-1",),
    "au": ("ap-southeast-2",),
    "": (IN_REGION,),
}
_GLOBAL: Final = tuple(region for regions in _GEOGRAPHIES.values() for region in regions)

IMAGE_BYTES: Final = 3_750_000
"""3.75 MB, AWS says, and not which megabytes: the smaller reading."""
IMAGE_SIDE: Final = 8000
LIMITS: Final = ImageLimits(
    formats=("PNG", "JPEG", "WEBP"), max_bytes=IMAGE_BYTES, max_side=IMAGE_SIDE, max_bits=None, opaque=False, strict_masks=False
)
"""Of each picture. Nova names no limit of bytes for one, but 25 MB for all: the same is kept, so that any model can take over."""


CHARACTERS_A_TOKEN: Final = 4
PIXELS_A_TOKEN: Final = 750
"""A rule of thumb of Claude's documents, as the one above; what was counted in the end is told by the answer (`usage`)."""
ASSUMED_PIXELS: Final = 1_200_000
"""Of a picture that nobody has seen yet; larger ones are made smaller by the models."""
ASSUMED_ANSWER: Final = 4096
"""Tokens of the longest answer where a body does not say it: the models' own limits are far above that, and hardly ever used."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A model before its profiles.

    Attributes:
        base: its bare id.
        profiles: geographies of its profiles; empty for the bare id in the one Region that has it.
    """

    base: str
    label: str
    profiles: tuple[str, ...]
    legacy_since: date | None = None
    end_of_life: date | None = None
    successors: tuple[str, ...] = ()


_WIDE: Final = ("us", "eu", "au", "global")
_WIDEST: Final = ("us", "eu", "jp", "au", "global")
_SONNET_5: Final = "us.anthropic.claude-sonnet-5"

_MADE: Final = (
    _Made("anthropic.claude-haiku-4-5-20251001-v1:0", "Claude Haiku 4.5", _WIDEST),
    _Made("amazon.nova-2-lite-v1:0", "Nova 2 Lite", ("us", "eu", "jp", "global")),
    _Made("anthropic.claude-sonnet-5", "Claude Sonnet 5", _WIDE),
    # Of this one and of Opus 4.6 the lists leave open which has a profile in Japan.
    _Made("anthropic.claude-sonnet-4-6", "Claude Sonnet 4.6", ("us", "eu", "au", "jp", "", "global")),
    _Made("anthropic.claude-opus-4-8", "Claude Opus 4.8", _WIDEST),
    _Made("anthropic.claude-opus-4-7", "Claude Opus 4.7", _WIDEST),
    _Made("anthropic.claude-opus-4-6-v1", "Claude Opus 4.6", ("us", "eu", "au", "jp", "", "global")),
    _Made("anthropic.claude-opus-5", "Claude Opus 5", _WIDE),  # AWS gives access on request
    _Made("anthropic.claude-fable-5", "Claude Fable 5", ("us", "global")),
    _Made("amazon.nova-lite-v1:0", "Nova Lite", ("us", "eu")),
    _Made("amazon.nova-pro-v1:0", "Nova Pro", ("us", "eu")),
    _Made(
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "Claude Sonnet 4.5",
        _WIDEST,
        legacy_since=date(2026, 10, 8),
        end_of_life=date(2027, 4, 8),
        successors=(_SONNET_5,),
    ),
    _Made(
        "anthropic.claude-opus-4-1-20250805-v1:0",
        "Claude Opus 4.1",
        ("us",),
        end_of_life=date(2027, 1, 8),
        successors=("us.anthropic.claude-opus-5",),
    ),
    _Made(
        "amazon.nova-premier-v1:0",
        "Nova Premier",
        ("us",),
        end_of_life=date(2026, 9, 14),
        successors=("us.amazon.nova-2-lite-v1:0",),
    ),
)


def _models(made: _Made) -> tuple[Model, ...]:
    return tuple(
        Model(
            id=f"{profile}.{made.base}" if profile else made.base,
            family="vision",
            label=made.label,
            regions=_GLOBAL if profile == "global" else _GEOGRAPHIES[profile],
            requests_per_minute=None,
            task_types=(CONVERSE.name,),
            legacy_since=made.legacy_since,
            end_of_life=made.end_of_life,
            successors=made.successors,
        )
        for profile in made.profiles
    )


def _check_images(_: Model, body: Body, facts: Facts) -> list[Problem]:
    return [*all_picture_problems(body, facts, LIMITS), *format_problems(body, facts), *resolved_size_problems(body, facts)]


def _tokens(body: Body, facts: Facts) -> int:
    """What AWS reserves when a request starts: its input, estimated, and the longest answer that it asks for."""
    places = {place.pointer for place in image_places(body)}
    pictures = [facts.get(where) for where in places]
    pixels = sum(ASSUMED_PIXELS if seen is None else min(seen.width * seen.height, ASSUMED_PIXELS) for seen in pictures)
    words = len(json.dumps(replace_at(body, dict.fromkeys(places, "")), ensure_ascii=False))
    longest = as_object(body.get("inferenceConfig")).get("maxTokens", ASSUMED_ANSWER)
    return words // CHARACTERS_A_TOKEN + pixels // PIXELS_A_TOKEN + (longest if isinstance(longest, int) else ASSUMED_ANSWER)


def _seed_of(_: Model, __: Body) -> int | None:
    return None


def _output_size(_: Model, __: Body, ___: Facts) -> Size | None:
    return None


FAMILY: Final = Family(
    name="vision",
    models=tuple(model for made in _MADE for model in _models(made)),
    check_body=check_converse_body,
    check_images=_check_images,
    schemas=converse_schemas,
    # By tokens, and darkroom knows no price of a token: what a file of prices does not tell by the call is not known.
    price_usd=native_price,
    seed_of=_seed_of,
    output_size=_output_size,
    read_answer=converse_reading,
    mask_polarity={},
    images_a_call=1,
    native=True,
    operation="converse",
    documents=True,
    sent_limits=LIMITS,
    tokens=_tokens,
)
