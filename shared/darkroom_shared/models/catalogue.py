"""The registry of models, and the questions that the rest of darkroom asks about them.

A new family is one module and its record in the line that makes `FAMILIES`; a new model of a known family is an entry in the
family's module.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.core.problems import Problem
from darkroom_shared.models import (
    cohere_embedding,
    nova_canvas,
    nova_embedding,
    sdxl,
    stability_services,
    stable_image,
    titan,
    titan_embedding,
    vision,
)
from darkroom_shared.models.answers import Reading, guarded_reading
from darkroom_shared.models.lifecycle import lifecycle_warning
from darkroom_shared.models.model import Body, Facts, Family, MaskPolarity, Model, Operation, Schema, Size
from darkroom_shared.models.options import image_count
from darkroom_shared.models.prices import BUILT_IN, PriceBook
from darkroom_shared.task_types import ImagePlace, image_places

__all__ = [
    "FAMILIES",
    "MODELS",
    "Catalogue",
    "Family",
    "ImagePlace",
    "MaskPolarity",
    "Model",
    "check_body",
    "check_images",
    "find_model",
    "gives_documents",
    "image_count",
    "image_places",
    "images_a_call",
    "lifecycle_warning",
    "mask_polarity",
    "operation_of",
    "output_size",
    "price_usd",
    "profile_regions",
    "profiles_of",
    "read_answer",
    "schema_of",
    "seed_of",
    "tagged",
    "tokens_of",
    "wire_body",
    "without_profile",
]

_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:[0-9]*:(foundation-model|inference-profile)/(?P<id>[^/]+)", re.ASCII)
_PROFILE_PREFIX = re.compile(r"(us|us-gov|eu|apac|jp|au|ca|global)\.(?P<id>.+)", re.ASCII)
_VERSION = re.compile(r":\d+$", re.ASCII)


class Catalogue:
    """Families of models, and what they answer. `FAMILIES` are those of darkroom, and the functions of this module ask them.

    Attributes:
        families: by name.
        models: every model by the id that is sent to Bedrock.
    """

    def __init__(self, families: Sequence[Family]) -> None:
        self.families: Mapping[str, Family] = {family.name: family for family in families}
        self.models: Mapping[str, Model] = {model.id: model for family in families for model in family.models}
        self._by_base_id: dict[str, list[Model]] = {}
        for model in self.models.values():
            for name in dict.fromkeys((model.id, without_profile(model.id))):
                if _is_first(name):
                    self._by_base_id.setdefault(_VERSION.sub("", name), []).append(model)

    def find_model(self, model_id: str, regions: Sequence[str] = ()) -> Model:
        """The model that an id or ARN names: with or without `:0`, or as the ARN of a foundation model or an inference profile.

        A model that can be called through a profile only is found by its bare id as well.

        Args:
            regions: where it is to be called, best first. Of several profiles of one model a bare id names the first that can be
                called from there, and without a Region the first of all.

        Raises:
            UnknownModel: it names none of the catalogue's models.
        """
        arn = _ARN.fullmatch(model_id)
        name = arn["id"] if arn else model_id
        for candidate in (name, without_profile(name) if arn else name):
            base = _VERSION.sub("", candidate) if _is_first(candidate) else candidate
            known = self._by_base_id.get(base, [])
            near = [model for region in regions for model in known if region in model.regions]
            if near and len(known) > 1:
                return near[0]
            if candidate in self.models or known:
                return self.models.get(candidate) or known[0]
        raise UnknownModel(self._unknown(model_id))

    def _unknown(self, model_id: str) -> str:
        shown = model_id if len(model_id) <= 100 else model_id[:97] + "..."
        near = difflib.get_close_matches(shown, list(self.models), n=1, cutoff=0.6)
        hint = f"Did you mean {near[0]}?" if near else f"Known models: {', '.join(self.models)}."
        return f'There is no model "{shown}" in the catalogue. {hint}'

    def profiles_of(self, model: Model) -> Sequence[Model]:
        """The model by each way in which it can be called, the given one included."""
        return self._by_base_id.get(_VERSION.sub("", without_profile(model.id)), [model])

    def check_body(self, model: Model, body: Body) -> list[Problem]:
        """All problems of a body that can be seen without its pictures; image places need only hold some text."""
        return self.families[model.family].check_body(model, body)

    def check_images(self, model: Model, body: Body, facts: Facts) -> list[Problem]:
        """All problems of the pictures of a body.

        Args:
            facts: by JSON pointer of the image place; places without facts are passed over.
        """
        return self.families[model.family].check_images(model, body, facts)

    def price_usd(self, model: Model, body: Body, facts: Facts, book: PriceBook = BUILT_IN) -> Decimal | None:
        """Price of the whole call in US dollars; None where the book does not tell it, or a picture without facts decides."""
        return self.families[model.family].price_usd(model, body, facts, book)

    def schema_of(self, model: Model, task_type: str) -> Schema:
        """The JSON Schema (draft 2020-12) of a body. Rules between fields are not in it; `check_body` knows them.

        Raises:
            KeyError: the model cannot do the task.
        """
        return self.families[model.family].schemas(model)[task_type]

    def mask_polarity(self, model: Model, task_type: str) -> MaskPolarity:
        """Which colour of a mask marks the part that the model changes.

        Raises:
            KeyError: the task takes no mask on this model, or each body says it for itself.
        """
        return self.families[model.family].mask_polarity[task_type]

    def seed_of(self, model: Model, body: Body) -> int | None:
        """The seed that a call uses; None where the service draws one, or where the task knows none."""
        return self.families[model.family].seed_of(model, body)

    def output_size(self, model: Model, body: Body, facts: Facts) -> Size | None:
        """Width and height in pixels of the images that come back.

        None where AWS does not say it, or where a picture without facts decides.
        """
        return self.families[model.family].output_size(model, body, facts)

    def images_a_call(self, model: Model) -> int:
        """Most images that one call can give."""
        return self.families[model.family].images_a_call

    def gives_documents(self, model: Model) -> bool:
        """Whether a call gives documents (text, JSON, vectors) and not pictures."""
        return self.families[model.family].documents

    def operation_of(self, model: Model) -> Operation:
        """By which operation of the runtime the model is called."""
        return self.families[model.family].operation

    def tokens_of(self, model: Model, body: Body, facts: Facts) -> int:
        """Tokens that a call is counted for before it is made; 0 where the model's quota counts none."""
        return self.families[model.family].tokens(body, facts)

    def read_answer(self, model: Model, answer: Mapping[str, object], wanted: int, body: Body) -> Reading:
        """What is in an answer of status 200.

        Args:
            wanted: how many images the call asked for, 1 or more.
            body: the request, tagged; what is asked for may say what an answer must be.
        """
        return guarded_reading(answer, wanted) or self.families[model.family].read_answer(answer, wanted, body)

    def tagged(self, model: Model, body: Body) -> Body:
        """The body with its task's name: a native one without `taskType` gets its model's, any other is returned as it is."""
        if not self.families[model.family].native or "taskType" in body:
            return body
        return {"taskType": model.task_types[0], **body}

    def wire_body(self, model: Model, body: Body) -> Body:
        """The body as it is sent: a native one without its tag, any other unchanged."""
        if not self.families[model.family].native:
            return body
        return {name: value for name, value in body.items() if name != "taskType"}


def _is_first(model_id: str) -> bool:
    """Whether an id's version, if it has one, is `:0`: the form AWS uses for the only version of a model."""
    return model_id.endswith(":0") or _VERSION.search(model_id) is None


_GEOGRAPHIES: Mapping[str, tuple[str, ...]] = {
    "us": ("us-",),
    "us-gov": ("us-gov-",),
    "eu": ("eu-",),
    "apac": ("ap-",),
    "jp": ("ap-northeast-1", "ap-northeast-3"),
    "au": ("ap-southeast-2", "ap-southeast-4"),
    "ca": ("ca-",),
    "global": ("",),
}


def profile_regions(model_id: str) -> tuple[str, ...]:
    """Beginnings of the Regions in which a call to the id of an inference profile may run; none for a bare id, which stays."""
    profile = _PROFILE_PREFIX.fullmatch(model_id)
    return () if profile is None else _GEOGRAPHIES[profile[1]]


def without_profile(model_id: str) -> str:
    """The bare id behind the id of an inference profile; any other id as it is."""
    profile = _PROFILE_PREFIX.fullmatch(model_id)
    return profile["id"] if profile else model_id


_DARKROOMS = Catalogue(
    (
        *(titan.FAMILY, nova_canvas.FAMILY, stable_image.FAMILY, stability_services.FAMILY, sdxl.FAMILY),
        *(titan_embedding.FAMILY, nova_embedding.FAMILY, cohere_embedding.FAMILY, vision.FAMILY),
    )
)

FAMILIES = _DARKROOMS.families
"""Every family by its name."""
MODELS = _DARKROOMS.models
"""Every model by the id that is sent to Bedrock."""

find_model = _DARKROOMS.find_model
profiles_of = _DARKROOMS.profiles_of
check_body = _DARKROOMS.check_body
check_images = _DARKROOMS.check_images
price_usd = _DARKROOMS.price_usd
schema_of = _DARKROOMS.schema_of
mask_polarity = _DARKROOMS.mask_polarity
seed_of = _DARKROOMS.seed_of
output_size = _DARKROOMS.output_size
images_a_call = _DARKROOMS.images_a_call
gives_documents = _DARKROOMS.gives_documents
operation_of = _DARKROOMS.operation_of
tokens_of = _DARKROOMS.tokens_of
read_answer = _DARKROOMS.read_answer
tagged = _DARKROOMS.tagged
wire_body = _DARKROOMS.wire_body
