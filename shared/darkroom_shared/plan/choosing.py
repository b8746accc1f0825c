"""Lists the routes of a request, best first, and takes the first that may be taken.

Pure: the catalogue, the day and what the caller allows go in. A family that the catalogue learns is looked at without a line here,
if it takes a task that a translation speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from darkroom_shared.contract.job_record import Substitute
from darkroom_shared.core.errors import NoRoute
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.models.catalogue import MODELS, check_body, check_images, price_usd, profiles_of
from darkroom_shared.models.model import Body, Facts, Model
from darkroom_shared.models.prices import BUILT_IN, PriceBook
from darkroom_shared.plan import edit, generate
from darkroom_shared.plan.fitting import fittings, sent_body
from darkroom_shared.plan.native import sdxl_image
from darkroom_shared.plan.route import ALLOWED, CUTOUT, RANK, Route, Translation
from darkroom_shared.plan.words import Words, opened
from darkroom_shared.task_types import image_values, task_type_of

TRANSLATIONS: Final[Mapping[str, Callable[[Words, Facts], list[Translation]]]] = {
    "TEXT_IMAGE": generate.text_image,
    "IMAGE_VARIATION": generate.image_variation,
    "COLOR_GUIDED_GENERATION": generate.color_guided,
    "INPAINTING": edit.inpainting,
    "OUTPAINTING": edit.outpainting,
    "BACKGROUND_REMOVAL": edit.background_removal,
}
"""By task type in Amazon's words, what other models may be asked for instead; VIRTUAL_TRY_ON has no living counterpart."""
MOST_TOLD: Final = 8
"""So many ways are named in a sentence that says that there is none."""
PLACEHOLDER: Final = "asset:" + "0" * 64


@dataclass(frozen=True, slots=True)
class Wish:
    """What a route is looked for, and what it may be.

    Attributes:
        body: the request as it was asked for: tagged, with references.
        facts: of its pictures, as far as they are known, by JSON pointer.
        model: the model that was named; None for any.
        substitute: how far a route may go from the request.
        regions: where calls may go, best first; of these only the ones that offer the model count.
        elsewhere: whether Regions that were not named may be taken where none of those offers the model.
        may_go_to: whether a Region is allowed at all.
        may_run: whether every place is allowed where a call to this model id may run.
        today: the day to judge models by.
        dead: ids of models that were found retired before their time.
        anywhere: whether models may be called in Regions that never offered them (the local endpoint).
        prices: what calls cost.
    """

    body: Body
    facts: Facts
    model: Model | None
    substitute: Substitute
    regions: tuple[str, ...]
    today: date
    elsewhere: bool = False
    may_go_to: Callable[[str], bool] = lambda _: True
    may_run: Callable[[str], bool] = lambda _: True
    dead: frozenset[str] = frozenset()
    anywhere: bool = False
    prices: PriceBook = BUILT_IN


def routes(wish: Wish) -> list[Route]:
    """Every route that the catalogue knows for the request, best first; those that cannot be taken come last, with the reason."""
    found: dict[str, Route] = {}
    for translation in _translations(wish):
        for model in (*_tuned(translation, wish), *_models_for(translation, wish.prices)):
            route = _judged(_fitted(translation, model, wish), wish)
            known = found.get(model.id)
            if known is None or (known.refused and not route.refused):
                found[model.id] = route
    order = {model_id: place for place, model_id in enumerate(found)}
    return sorted(
        found.values(),
        key=lambda route: (
            *(bool(route.refused), RANK[route.fidelity], not _is_named(route.model, wish)),
            *(_is_legacy(route, wish), _is_elsewhere(route, wish), order[route.model.id]),
        ),
    )


def choose(wish: Wish, every: Sequence[Route] | None = None) -> Route:
    """The best route that may be taken.

    Args:
        every: the answer of `routes`, if it is there already.

    Raises:
        NoRoute: none may; says of each why.
    """
    every = routes(wish) if every is None else every
    if every and not every[0].refused:
        return every[0]
    task = task_type_of(wish.body)
    name = "the request" if task is None else task.name
    told = [f"{route.model.id}: {route.refused}" for route in every[:MOST_TOLD]]
    reasons = "; ".join(told) or "no living model does this task"
    reasons += f"; and {len(every) - len(told)} more" if len(every) > len(told) else ""
    raise NoRoute(f"There is no way to do {name} within substitute={wish.substitute!r}. {reasons}{_way_out(wish)}")


def _way_out(wish: Wish) -> str:
    """What would be possible if more were allowed, as the end of a sentence."""
    wider = next(iter(routes(replace(wish, substitute="approximate"))), None)
    return "" if wider is None or wider.refused else f". substitute={wider.fidelity!r} would take {wider.model.id}"


def is_living(model: Model, today: date) -> bool:
    """Whether AWS answers calls to the model on that day, as far as its dates tell."""
    return model.end_of_life is None or today < model.end_of_life


def _is_named(model: Model, wish: Wish) -> bool:
    return wish.model is not None and model.id == wish.model.id


def _is_elsewhere(route: Route, wish: Wish) -> bool:
    """Whether a model has several profiles, and this one cannot be called from any of the wish's own Regions."""
    near = any(region in wish.regions for region in route.regions)
    return not near and len(profiles_of(route.model)) > 1


def _is_legacy(route: Route, wish: Wish) -> bool:
    return route.model.legacy_since is not None and wish.today >= route.model.legacy_since


def _translations(wish: Wish) -> list[Translation]:
    body = wish.body
    own = Translation(body, "exact")
    task = task_type_of(body)
    if task is None:
        return [own]
    if task.name == "SDXL_IMAGE":
        return [own, *sdxl_image(body, wish.facts)]
    translate = TRANSLATIONS.get(task.name)
    return [own] if translate is None else [own, *translate(opened(body), wish.facts)]


def _tuned(translation: Translation, wish: Wish) -> Sequence[Model]:
    """The fine-tuned model that was named, which the catalogue does not have, where the translation is for it."""
    named = wish.model
    task = translation.body.get("taskType")
    return [named] if named is not None and named.base and translation.fidelity == "exact" and task in named.task_types else []


def _models_for(translation: Translation, prices: PriceBook) -> Sequence[Model]:
    """The models that do the translation's task, cheapest first (or dearest), without those that its body cannot be said to."""
    task = translation.body.get("taskType")
    able = [model for model in MODELS.values() if task in model.task_types]
    priced = [(price_usd(model, translation.body, {}, prices) or Decimal(0), model) for model in able]
    return [model for _, model in sorted(priced, key=lambda pair: -pair[0] if translation.dear else pair[0])]


def _fitted(translation: Translation, model: Model, wish: Wish) -> Route:
    """The route on one model; what is `exact` on the model that was named is `equivalent` on another."""
    if translation.fidelity == "exact" and wish.model is not None and model.id != wish.model.id:
        translation = replace(translation, fidelity="equivalent", lost=(f"{model.label} does it, not {wish.model.label}.",))
    translation = _small_enough(translation, model, wish)
    whole = price_usd(model, translation.body, facts_of(translation, wish.body, wish.facts), wish.prices)
    price = None if whole is None else whole * translation.calls
    cutout_model = None
    if translation.cutout is not None:
        cutout_model = next(iter(_living(_models_for(Translation(translation.cutout), wish.prices), wish)), None)
        extra = cutout_price(cutout_model, translation, wish.prices)
        price = None if price is None or extra is None else price + extra
    return Route(model, _regions(model, wish), translation, price, "", cutout_model)


def _small_enough(translation: Translation, model: Model, wish: Wish) -> Translation:
    """The translation with the free steps that make its pictures small enough for a model that looks at them."""
    found = fittings(model, translation.body, wish.facts) if translation.body is wish.body else {}
    if not found:
        return translation
    return replace(
        translation,
        body=sent_body(translation.body, found),
        prepare={**translation.prepare, **{where: one.specs for where, one in found.items()}},
        lost=(*translation.lost, *(one.note for one in found.values())),
    )


def cutout_price(model: Model | None, translation: Translation, prices: PriceBook) -> Decimal | None:
    """What the cut-out before a translation costs in US dollars; None if that is not known."""
    return None if model is None or translation.cutout is None else price_usd(model, translation.cutout, {}, prices)


def _regions(model: Model, wish: Wish) -> tuple[str, ...]:
    """Where the model may be asked for this.

    A named one in the first Region too if it was never offered there: who names both may know more than the catalogue.
    """
    named = _is_named(model, wish) and not model.base
    offered = tuple(region for region in wish.regions if region in model.regions)
    if not offered and wish.elsewhere and not (named and wish.anywhere):
        offered = tuple(region for region in model.regions if wish.may_go_to(region))
    if named and (wish.anywhere or not wish.elsewhere or not offered):
        first, *others = wish.regions
        return (first, *(region for region in others if wish.anywhere or region in model.regions))
    return offered


def _living(models: Sequence[Model], wish: Wish) -> list[Model]:
    return [model for model in models if is_living(model, wish.today) and model.id not in wish.dead]


def _judged(route: Route, wish: Wish) -> Route:
    return replace(route, refused=_refusal(route, wish))


def _refusal(route: Route, wish: Wish) -> str:
    """Why a route cannot be taken; empty if it can."""
    model, told = route.model, route.translation
    named = _is_named(model, wish) and told.fidelity == "exact"
    if not named or wish.substitute != "never":
        if model.id in wish.dead:
            return "AWS answers that it is retired"
        if not is_living(model, wish.today):
            return f"it reached its end of life on {model.end_of_life}"
    if not named and RANK[told.fidelity] > ALLOWED[wish.substitute] and not (wish.model is None and told.fidelity == "exact"):
        return f"it is {told.fidelity}, and substitute={wish.substitute!r} does not allow that"
    if not route.regions or not wish.may_run(model.id):
        return _misplaced(route, wish)
    if told.cutout is not None and route.cutout_model is None:
        return "no living model cuts the subject out"
    found = [*check_body(model, _plain(told.body)), *check_images(model, told.body, facts_of(told, wish.body, wish.facts))]
    return f"{found[0].pointer}: {found[0].message}" if found else ""


def _misplaced(route: Route, wish: Wish) -> str:
    if not wish.may_run(route.model.id):
        return "its calls may run in Regions that DARKROOM_RESIDENCY does not allow"
    return f"it is offered in {', '.join(route.model.regions)}, and the job may go to none of these"


def _plain(body: Body) -> Body:
    """The body with a reference wherever a picture is still to be made."""
    return {name: PLACEHOLDER if value in (CUTOUT, generate.PALETTE) else value for name, value in body.items()}


def facts_of(translation: Translation, asked: Body, facts: Facts) -> dict[str, ImageFacts]:
    """The facts of the pictures that will be sent, as far as they follow from those of the request.

    Args:
        asked: the request as it was asked for.
        facts: of its pictures, by its pointers.
    """
    by_value = {str(value): facts[place.pointer] for place, value in image_values(asked).items() if place.pointer in facts}
    found: dict[str, ImageFacts] = {}
    for place, value in image_values(translation.body).items():
        seen = by_value.get(str(value))
        for spec in translation.prepare.get(place.pointer, ()):
            inputs = [] if spec.inputs == 0 else [seen] if seen is not None else None
            seen = None if inputs is None else spec.output_facts(inputs)[0]
        if seen is not None:
            found[place.pointer] = seen
    return found
