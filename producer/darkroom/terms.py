"""The terms of a submission: by whose rules its requests are read, which routes their calls take, and through which pools.

Pure: options, settings and the day in, steps with their routes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from darkroom.options import Delivery, usual_substitute
from darkroom.picture_checks import checked
from darkroom.plans import DEFAULT_POLICY, PlannedStep, StepPolicy
from darkroom_shared.contract.job_record import AUTO, Substitute
from darkroom_shared.core.idempotency import fingerprint
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.core.workflow import Reference, free_name, needs_of
from darkroom_shared.models.catalogue import MODELS, check_body, find_model, image_count, lifecycle_warning, tagged
from darkroom_shared.models.model import Model
from darkroom_shared.models.prices import PriceBook
from darkroom_shared.plan.advice import advise
from darkroom_shared.plan.choosing import Wish, choose, cutout_price, is_living, routes
from darkroom_shared.plan.route import CUTOUT, Route, Translation
from darkroom_shared.settings import Settings
from darkroom_shared.store.steering import pool_quota
from darkroom_shared.task_types import CONVERSE, image_values

CUTOUT_STEP: Final = "cutout"


@dataclass(frozen=True, slots=True)
class Terms:
    """What all jobs of a submission share.

    Attributes:
        settings: of the client.
        delivery: the checked options.
        today: the day to judge models by.
        dead: models that are marked as retired before their time.
        chained: whether the requests are steps of a chain, which name one model together.
    """

    settings: Settings
    delivery: Delivery
    today: date
    dead: frozenset[str] = frozenset()
    chained: bool = False

    @property
    def heeds_marks(self) -> bool:
        """Whether another model may take the place of one that is marked as retired."""
        return self.delivery.substitute != "never" or self.delivery.model == AUTO

    def under(self, policy: StepPolicy) -> Terms:
        """The terms of a step of which something else is said."""
        if policy == DEFAULT_POLICY:
            return self
        told, settings = self.delivery, self.settings
        model = policy.model or told.model
        usual = told.substitute if policy.model is None else usual_substitute(model, settings)
        finish_by = told.finish_by_ms
        if policy.finish_within_s is not None:
            own = told.submitted_ms + round(policy.finish_within_s * 1000)
            finish_by = min(finish_by, own) if finish_by else own
        changed = replace(
            told,
            model=model,
            model_named=told.model_named or policy.model is not None,
            substitute=policy.substitute or usual,
            job_class=policy.job_class or told.job_class,
            finish_by_ms=finish_by,
            checks=tuple(policy.checks),
            rerolls=policy.rerolls,
        )
        # A model that is named for one step is not shared with others.
        return replace(self, delivery=changed, chained=self.chained and policy.model is None)

    @property
    def named(self) -> Model | None:
        """The model that was named; None where any will do.

        Raises:
            UnknownModel: it is not in the catalogue.
        """
        return self._found(self.delivery.model)

    def _found(self, name: str) -> Model | None:
        return None if name == AUTO else self.settings.find_model(name, self.delivery.regions)

    def named_for(self, body: Mapping[str, object]) -> Model | None:
        """The model that a request is for; None where any will do.

        One model does not make pictures and look at them. So in a chain, and where the model is the settings' usual one, a request
        that it cannot do by its nature goes to the settings' model of the other kind.

        Raises:
            UnknownModel: a setting names one that is not in the catalogue.
        """
        named, looks = self.named, body.get("taskType") == CONVERSE.name
        if named is None or looks == (CONVERSE.name in named.task_types) or not (self.chained or not self.delivery.model_named):
            return named
        return self._found(self.settings.vision_model if looks else self.settings.default_model)

    def substitute_for(self, body: Mapping[str, object]) -> Substitute:
        """How far the request's job may go from it later; where no model was named for it, another may always take over."""
        told = self.delivery
        return (
            "equivalent" if told.substitute == "never" and told.model != AUTO and self.named_for(body) is None else told.substitute
        )

    def model_for(self, body: Mapping[str, object]) -> Model:
        """By whose rules a request is read: those of the named model, else of the first that takes it as it is, living ones first.

        Where none takes it, the one that comes nearest tells what is wrong. A named model that does not know the task reads it only
        if the plan may not put it into other words.
        """
        named, task = self.named_for(body), body.get("taskType")
        able = [model for model in MODELS.values() if task in model.task_types]
        if named is not None and (task in named.task_types or not able or self.delivery.substitute == "never"):
            return named
        able = able or [find_model(DIALECT)]
        able.sort(key=lambda model: (not is_living(model, self.today), model.id != DIALECT))
        return min(able, key=lambda model: len(check_body(model, body)))

    def model_warnings(self, step: PlannedStep) -> tuple[str, ...]:
        """What a person should know before calling AWS on this route; nothing where the local endpoint answers."""
        if self.settings.is_local_bedrock or step.route is None:
            return ()
        model, region = step.route.model, step.route.regions[0]
        found = [lifecycle_warning(model, self.today)]
        if region not in model.regions:
            found.append(f"{model.id} was not offered in {region}, but in: {', '.join(model.regions)}.")
        return tuple(text for text in found if text)

    def advice(self, step: PlannedStep) -> tuple[str, ...]:
        """What the models' documents advise against in the prompts of a step that was asked for."""
        if not self.settings.advice or step.kind != "bedrock" or step.inserted:
            return ()
        found = advise(self.settings.find_model(step.model), step.asked or step.request)
        return tuple(str(advice) for advice in found if not advice.is_taste)

    def pools(self, step: PlannedStep) -> tuple[PoolQuota, ...]:
        """The pools that the step's calls may use, best first; none for a local step."""
        if step.route is None:
            return ()
        model = step.route.model
        return tuple(pool_quota(self.settings, model.id, region, model.id, model.default_rpm) for region in step.route.regions)

    def idempotency(self, request: Mapping[str, object]) -> tuple[str, str, int] | None:
        """Key, fingerprint and life for the ledger; None without a key. Class, deadlines and metadata may differ.

        The same request under the same key is the same job even if it would go to another model by now.
        """
        told = self.delivery
        if told.idempotency_key is None:
            return None
        life_ms = round(self.settings.idempotency_life.total_seconds() * 1000)
        named = self.named
        model = AUTO if named is None else named.id
        allowed = model if told.substitute == "never" else f"{model} or {told.substitute}"
        guarded: dict[str, object] = {"guardrail": told.guardrail} if told.guardrail else {}
        guarded |= {"checks": list(told.checks), "rerolls": told.rerolls} if told.checks else {}
        guarded |= {"guardrail_gates": told.guardrail_gates} if told.guardrail_gates else {}
        print_ = fingerprint(request, model=allowed, region=told.region, tenant=told.tenant, **guarded)
        return f"{told.tenant}:{told.idempotency_key}", print_, life_ms

    def tagged(self, body: Mapping[str, object]) -> Mapping[str, object]:
        """The body with its task type, where only the named model tells it, or Converse's own form."""
        if "taskType" not in body and "messages" in body:
            return {"taskType": CONVERSE.name, **body}
        named = self.named
        return body if named is None else tagged(named, body)

    def wish(self, body: Mapping[str, object], facts: Mapping[str, ImageFacts]) -> Wish:
        """What routes are looked for."""
        told, settings = self.delivery, self.settings
        return Wish(
            body=body,
            facts=facts,
            model=self.named_for(body),
            substitute=told.substitute,
            regions=told.regions,
            elsewhere=not told.regions_named,
            may_go_to=settings.may_go_to,
            may_run=settings.may_run,
            today=self.today,
            dead=self.dead,
            anywhere=settings.is_local_bedrock,
            prices=settings.price_book,
        )

    def placed(self, step: PlannedStep, names: Sequence[str] = ()) -> list[PlannedStep]:
        """The step on its route, behind the paid step that this needs, if it needs one.

        Args:
            names: names that are taken.

        Raises:
            NoRoute: no route may be taken.
            InvalidRequest: its checks do not go with it; pointers begin with `/checks`.
        """
        wish = self.wish(step.request, facts_of_step(step))
        every = tuple(routes(wish))
        route = choose(wish, every)
        if route.fidelity == "exact":
            before, main = (
                list[PlannedStep](),
                replace(step, model=route.model.id, route=route, routes=every, price_usd=route.price_usd),
            )
        else:
            *before, main = _translated(step, route, every, names, self.settings.price_book)
        return [*before, checked(main, self.delivery.checks, self.delivery.rerolls)]


DIALECT: Final = "amazon.nova-canvas-v1:0"
"""By whose rules a request in Amazon's words is read where nobody living takes it: the widest of the three."""


def facts_of_step(step: PlannedStep) -> dict[str, ImageFacts]:
    """The facts of a step's pictures by JSON pointer, as far as they are known."""
    places = image_values(step.request)
    return {place.pointer: facts for place, facts in zip(places, step.inputs, strict=True) if facts is not None}


def _translated(
    step: PlannedStep, route: Route, every: tuple[Route, ...], names: Sequence[str], prices: PriceBook
) -> list[PlannedStep]:
    told = route.translation
    before: list[PlannedStep] = []
    body = dict(told.body)
    extra = cutout_price(route.cutout_model, told, prices)
    if told.cutout is not None and route.cutout_model is not None:
        before = [replace(_cutout(step, route, told, free_name(CUTOUT_STEP, [*names, step.name])), price_usd=extra)]
        made = str(Reference(before[0].name, 0))
        body = {name: made if value == CUTOUT else value for name, value in body.items()}
    main = replace(
        step,
        asked=step.request,
        request=body,
        needs=needs_of(body),
        model=route.model.id,
        route=route,
        routes=every,
        calls=told.calls,
        images=told.calls * image_count(body),
        price_usd=None if route.price_usd is None else route.price_usd - (extra or Decimal(0)),
    )
    return [*before, main]


def _cutout(step: PlannedStep, route: Route, told: Translation, name: str) -> PlannedStep:
    """The paid step that finds the subject for the mask of the next one."""
    assert told.cutout is not None
    assert route.cutout_model is not None
    model = route.cutout_model
    own = Route(
        model, tuple(region for region in model.regions if region in route.regions) or route.regions, Translation(told.cutout), None
    )
    return PlannedStep(
        name=name,
        kind="bedrock",
        task_type=str(told.cutout["taskType"]),
        request=told.cutout,
        needs=needs_of(told.cutout),
        after=step.after,
        soft={name: edge for name, edge in step.soft.items() if edge == "watch"},
        when=step.when,
        policy=step.policy,
        inputs=step.inputs[:1],
        outputs=(None,),
        images=1,
        inserted=True,
        reason=f"for {step.name}: its subject is the mask",
        model=model.id,
        route=own,
    )
