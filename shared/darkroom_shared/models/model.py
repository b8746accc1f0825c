"""What the catalogue knows about a model, and what a model family must be able to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.answers import Reading
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.prices import PriceBook

Body: TypeAlias = Mapping[str, object]
"""A request body as JSON. Image places hold strings: base64 or a reference."""
Facts: TypeAlias = Mapping[str, ImageFacts]
"""Facts about the pictures of a body, by the JSON pointer of their place."""
Schema: TypeAlias = Mapping[str, object]
"""A JSON Schema, draft 2020-12."""
Operation = Literal["invoke", "converse"]
"""How the runtime is asked: `InvokeModel`, whose body is the model's own, or `Converse`, whose body is the same for every model."""
MaskPolarity = Literal["black_is_edited", "white_is_edited"]
Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the catalogue.

    Attributes:
        id: the id that is sent to Bedrock: that of an inference profile where the model can be called through one only.
        family: name of the family whose rules apply.
        label: name for people.
        regions: AWS Regions that offered it on demand, or from which its profile can be called.
        requests_per_minute: default quota per account and Region; None where it is not known.
        task_types: names of the task types it can do.
        legacy_since: first day on which it was Legacy, None if unknown or not yet.
        end_of_life: day from which AWS refuses calls, None if none is announced.
        successors: ids of models that AWS still offers for similar work, nearest first.
        base: id of the model that a fine-tuned one was made of; empty for any other.
    """

    id: str
    family: str
    label: str
    regions: tuple[str, ...]
    requests_per_minute: int | None
    task_types: tuple[str, ...]
    legacy_since: date | None = None
    end_of_life: date | None = None
    successors: tuple[str, ...] = ()
    base: str = ""

    @property
    def default_rpm(self) -> int | None:
        """Requests a minute by default; None if not known, and for a fine-tuned model, whose throughput was bought."""
        return None if self.base else self.requests_per_minute


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the service assumes for an option that a body leaves out.

    Attributes:
        number_of_images: images per call.
        width: pixels, for tasks whose output size is chosen.
        height: pixels, likewise.
        quality: `standard` or `premium`.
        cfg_scale: how closely the prompt is followed.
        seed: start value.
        control_mode: for a condition image.
        control_strength: for a condition image.
        similarity_strength: for variations.
        outpainting_mode: for out-painting.
    """

    number_of_images: int
    width: int
    height: int
    quality: str
    cfg_scale: float
    seed: int
    control_mode: str
    control_strength: float
    similarity_strength: float
    outpainting_mode: str


@dataclass(frozen=True, slots=True)
class Family:
    """The rules that models of one kind share. A new family is one module with such a record, and one line in the catalogue.

    Attributes:
        name: what `Model.family` refers to.
        models: its members.
        check_body: everything that can be said about a body without its pictures.
        check_images: everything that can be said about the pictures; places without facts are passed over.
        schemas: the JSON Schema of each task type of a model, by name.
        price_usd: price of the whole call by a table of prices, None where it cannot be known (no row tells it, or a size depends
            on a picture without facts).
        seed_of: the seed that a call uses; None where it is random or the task knows none.
        output_size: size of the images that come back; None where AWS does not say it, or a picture without facts decides.
        read_answer: what is in an answer of status 200 to a call that asked for so many images, with this body.
        mask_polarity: for task types that take a mask, which colour is changed.
        images_a_call: most images that one call can give.
        native: whether the fields of a body stand at its top beside `taskType`, which is darkroom's tag and never sent. Each model
            of such a family has exactly one task type.
        operation: by which operation of the runtime its models are called.
        documents: whether its answers are documents (text, JSON, vectors) and not pictures.
        sent_limits: a picture beyond these is made smaller, with a note, before it is sent; None to leave all as they are.
        tokens: tokens that a call is counted for before it is made; 0 for models whose quotas count none.
    """

    name: str
    models: tuple[Model, ...]
    check_body: Callable[[Model, Body], list[Problem]]
    check_images: Callable[[Model, Body, Facts], list[Problem]]
    schemas: Callable[[Model], Mapping[str, Schema]]
    price_usd: Callable[[Model, Body, Facts, PriceBook], Decimal | None]
    seed_of: Callable[[Model, Body], int | None]
    output_size: Callable[[Model, Body, Facts], Size | None]
    read_answer: Callable[[Mapping[str, object], int, Body], Reading]
    mask_polarity: Mapping[str, MaskPolarity]
    images_a_call: int
    native: bool = False
    operation: Operation = "invoke"
    documents: bool = False
    sent_limits: ImageLimits | None = None
    tokens: Callable[[Body, Facts], int] = lambda _, __: 0
