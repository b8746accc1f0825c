"""Reads which model's quota AWS means by a quota's name. Pure: knows the catalogue, and neither AWS nor the ledger.

Service Quotas gives no model id, only a name for people, in several wordings at once:

    On-demand model inference requests per minute for Amazon Titan Image Generator G1 V2
    Cross-region model inference tokens per minute for Amazon Nova Lite
    Global cross-region model inference requests per minute for Cohere Embed V4
    On-demand InvokeModel requests per minute for ...        (the user guide's wording)
    InvokeModel requests per minute for ...                  (the newer one; on demand)
    On-demand InvokeModel concurrent requests for Amazon Nova Sonic

A name either is a model's own or is passed over: a quota that was guessed would pace the wrong calls. So model names are compared
whole, after vendor, case, punctuation and the way of writing a version are taken away. Batch jobs, provisioned throughput, tokens a
day and the like are no quotas of a call and are passed over as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, cast

from darkroom_shared.core.quota import pool_name
from darkroom_shared.models.catalogue import MODELS, profiles_of, without_profile
from darkroom_shared.models.model import Model

Kind = Literal["on-demand", "cross-region", "global"]
"""Which calls a quota counts: those to the model in the Region itself, or those through an inference profile of the Region's
geography or of all Regions. Each has a quota of its own."""
Measure = Literal["requests_per_minute", "tokens_per_minute", "concurrency"]
_Name: TypeAlias = tuple[tuple[str, ...], str]
"""The words of a model's name, and its version."""

_SHAPE: Final = re.compile(
    r"(?:(?P<scope>on demand|cross region|global cross region) )?(?:model inference|invokemodel) "
    r"(?P<measure>requests per minute|tokens per minute|concurrent requests) for (?P<model>.+)"
)
_KINDS: Final[Mapping[str, Kind]] = {
    "": "on-demand",
    "on demand": "on-demand",
    "cross region": "cross-region",
    "global cross region": "global",
}
_MEASURES: Final[Mapping[str, Measure]] = {
    "requests per minute": "requests_per_minute",
    "tokens per minute": "tokens_per_minute",
    "concurrent requests": "concurrency",
}
_VENDORS: Final = (("stability", "ai"), ("stability",), ("anthropic",), ("amazon",), ("aws",), ("cohere",))
_BETWEEN: Final = re.compile(r"[^a-z0-9.]+|(?<![0-9])\.|\.(?![0-9])", re.ASCII)
_NUMBER: Final = re.compile(r"(?<=[0-9]):(?=[0-9])", re.ASCII)
_VERSION: Final = re.compile(r"v(?P<bare>[0-9]+(\.[0-9]+)?)|(?P<point>[0-9]+\.[0-9]+)", re.ASCII)
_ALSO_CALLED: Final[Mapping[str, tuple[str, ...]]] = {
    "amazon.titan-image-generator-v1": ("Titan Image Generator G1",),
    "amazon.titan-image-generator-v2:0": ("Titan Image Generator G1 V2",),
    "amazon.nova-2-multimodal-embeddings-v1:0": ("Nova Multimodal Embeddings",),
    "stability.sd3-5-large-v1:0": ("SD 3.5 Large", "SD3.5 Large"),
    "stability.stable-diffusion-xl-v1": ("SDXL 1.0", "Stable Diffusion XL"),
}
"""What the names of quotas call a model where it is not the catalogue's label."""
_GEOGRAPHIES: Final[Mapping[str, str]] = {"us": "us", "us-gov": "us-gov", "eu": "eu", "ap": "apac", "ca": "ca"}
"""The prefix of the inference profile that calls from a Region go through, by the beginning of the Region's name."""


@dataclass(frozen=True, slots=True)
class ListedQuota:
    """One quota as Service Quotas lists it.

    Attributes:
        value: None where AWS lists the quota and cannot say its value now.
        is_default: the account has no value of its own.
    """

    region: str
    code: str
    name: str
    value: float | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class QuotaName:
    """What a quota's name says."""

    model: Model
    kind: Kind
    measure: Measure


@dataclass(frozen=True, slots=True)
class ModelQuota:
    """A listed quota of a model of the catalogue.

    Attributes:
        target: what calls name: the model's id, or that of the inference profile.
    """

    meaning: QuotaName
    target: str
    value: float
    listed: ListedQuota

    @property
    def route(self) -> str:
        """The pool that the quota limits."""
        return pool_name(self.listed.region, self.target)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a list of quotas says about the catalogue's models.

    Attributes:
        quotas: in the catalogue's order, one for each pool and measure.
        unreadable: pools and measures whose value AWS could not say.
        ignored: all others.
        warnings: sentences about what a person should know before calls depend on it.
    """

    quotas: tuple[ModelQuota, ...]
    unreadable: frozenset[tuple[str, Measure]]
    ignored: tuple[ListedQuota, ...]
    warnings: tuple[str, ...]


def read_name(name: str) -> QuotaName | None:
    """Whose quota a name states, None if it is none of a call to a model of the catalogue."""
    match = _SHAPE.fullmatch(_plain(name))
    model = _BY_NAME.get(_model_name(match["model"])) if match else None
    if match is None or model is None:
        return None
    return QuotaName(model, _KINDS[match["scope"] or ""], _MEASURES[match["measure"]])


def read_quotas(listed: Iterable[ListedQuota]) -> Reading:
    """Sorts quotas by what they mean. Of two for the same pool and measure the account's own counts, else the smaller one."""
    found: dict[tuple[str, Measure], ModelQuota] = {}
    unreadable: set[tuple[str, Measure]] = set()
    ignored: list[ListedQuota] = []
    warnings: list[str] = []
    for row in listed:
        meaning = read_name(row.name)
        target = _target(meaning, row.region) if meaning else None
        if meaning is None or target is None:
            ignored.append(row)
        elif row.value is None or not 0 <= row.value < float("inf"):
            unreadable.add((pool_name(row.region, target), meaning.measure))
            warnings.append(f'AWS gives no value for "{row.name}" in {row.region}: what was known of it before stays.')
        else:
            # A profile that is a model of its own has this quota to itself.
            own = replace(meaning, model=MODELS.get(target, meaning.model))
            quota = ModelQuota(own, target, row.value, row)
            place = (quota.route, meaning.measure)
            found[place] = min(found.get(place, quota), quota, key=_rank)
    order = list(MODELS)
    quotas = sorted(found.values(), key=lambda quota: (order.index(quota.meaning.model.id), quota.listed.region, quota.target))
    warnings += [_no_access(quota) for quota in quotas if quota.value == 0]
    return Reading(tuple(quotas), frozenset(unreadable - found.keys()), tuple(ignored), tuple(warnings))


def unnamed(reading: Reading, regions: Iterable[str]) -> list[str]:
    """Pools of the catalogue's models, where it says they are offered, about which AWS says nothing."""
    named = {pool_name(quota.listed.region, quota.meaning.model.id) for quota in reading.quotas}
    named |= {pool for pool, _ in reading.unreadable}
    offered = [pool_name(region, model.id) for model in MODELS.values() for region in regions if region in model.regions]
    return [pool for pool in offered if pool not in named]


def _rank(quota: ModelQuota) -> tuple[bool, float]:
    return quota.listed.is_default, quota.value


def _no_access(quota: ModelQuota) -> str:
    return (
        f"{quota.route}: AWS allows this account 0 {MEASURE_WORDS[quota.meaning.measure]}, which means no access: "
        "calls would only be refused."
    )


MEASURE_WORDS: Final[Mapping[Measure, str]] = {
    "requests_per_minute": "requests a minute",
    "tokens_per_minute": "tokens a minute",
    "concurrency": "requests at once",
}
"""For people, behind a number."""


def _target(meaning: QuotaName, region: str) -> str | None:
    """What calls under this quota name; None where nothing can: a bare id, or a geography without profiles that we know of."""
    bare = without_profile(meaning.model.id)
    match meaning.kind:
        case "on-demand":
            return bare if bare in MODELS else None  # one that is called through a profile only
        case "global":
            return f"global.{bare}"
        case "cross-region":
            near = [one.id for one in profiles_of(meaning.model) if region in one.regions and not one.id.startswith("global.")]
            if len(profiles_of(meaning.model)) > 1:
                return next((name for name in near if name != bare), None)
            start = "us-gov" if region.startswith("us-gov-") else region.partition("-")[0]
            prefix = _GEOGRAPHIES.get(start)
            return f"{prefix}.{bare}" if prefix else None


def _plain(text: str) -> str:
    """Lower case words with single blanks between; a point stays where it is part of a number."""
    return " ".join(_BETWEEN.sub(" ", _NUMBER.sub(".", text.lower())).split())


def _model_name(text: str) -> _Name:
    words = tuple(_plain(text).split())
    for vendor in _VENDORS:
        if words[: len(vendor)] == vendor:
            words = words[len(vendor) :]
            break
    match = _VERSION.fullmatch(words[-1]) if len(words) > 1 else None
    if match is None:
        return words, "1"
    version = cast("str", match["bare"] or match["point"])
    return words[:-1], version.removesuffix(".0")


_BY_NAME: Final[Mapping[_Name, Model]] = {
    # Backwards: of a model with several profiles the first stands for all.
    _model_name(name): model
    for model in reversed(tuple(MODELS.values()))
    for name in (model.label, *_ALSO_CALLED.get(model.id, ()))
}
