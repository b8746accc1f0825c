"""What a chain or a workflow would do: the planned steps, and what may be said for one of them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from darkroom_shared.contract.job_record import JobClass, Substitute
from darkroom_shared.core.conditions import Condition, written
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.plan.route import Route

Edge: TypeAlias = Literal["gather", "watch"]


@dataclass(frozen=True, slots=True)
class StepPolicy:
    """What is said for one step alone; None for what holds for the whole workflow.

    Attributes:
        model: a model id or ARN, or `auto`.
        substitute: whether another model may do it.
        job_class: `interactive`, `standard` or `bulk`.
        attempts: attempts of each of its calls, 1 to 10.
        finish_within_s: seconds after the submit of the workflow by which its calls must have begun.
        checks: automatic checks of each of its pictures, as `SubmitOptions.checks`.
        rerolls: how often pictures that do not pass may be made again.
    """

    model: str | None = None
    substitute: Substitute | None = None
    job_class: JobClass | None = None
    attempts: int | None = None
    finish_within_s: float | None = None
    checks: Sequence[str | Mapping[str, object]] = ()
    rerolls: int = 0


DEFAULT_POLICY: Final = StepPolicy()


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step as it will run.

    Attributes:
        name: its name in the workflow.
        kind: `bedrock` is a paid call, `local` a free operation, `gate` a person's decision.
        task_type: Bedrock's taskType, `local.<kind>`, or `gate`.
        request: what is recorded: Bedrock's body, `{"step", "images"}`, or `{"gate", "images"}`.
        needs: names of the steps whose pictures it uses.
        after: names of the steps that must have gone well, whose pictures it does not use.
        inputs: facts of its pictures in the order of their places; None where nobody can know them before.
        outputs: facts of the pictures it is expected to give; None likewise.
        images: how many pictures are asked for.
        inserted: True if the caller did not ask for it.
        reason: why it was inserted.
        model: model id; empty for local steps.
        price_usd: US dollars for the whole step; None if not known, or while it has no route.
        asked: the request as it was asked for, where another one is sent in its place.
        calls: how many calls it takes.
        route: which way the calls go; None for local steps.
        routes: all that were looked at, the best first.
        soft: steps that may end badly: `gather` where their pictures are some of several, `watch` where only `when` looks at them.
        enough: how many of the gathered steps must give results; 0 for one.
        wants: how many outputs a step must have given, where more than one is needed of it.
        when: the condition, parsed, under which it runs; None for always.
        policy: what is said for this step alone.
        of: the step of the document that it is one of several of; empty for one of its own.
        checks: automatic checks of each picture, in full.
        check_pictures: what they compare with, by name: references as in the request.
        rerolls: how often pictures that do not pass may be made again.
    """

    name: str
    kind: Literal["bedrock", "local", "gate"]
    task_type: str
    request: Mapping[str, object] = field(repr=False)
    needs: tuple[str, ...]
    inputs: tuple[ImageFacts | None, ...]
    outputs: tuple[ImageFacts | None, ...]
    images: int
    inserted: bool = False
    reason: str = ""
    model: str = ""
    price_usd: Decimal | None = Decimal(0)
    asked: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    after: tuple[str, ...] = ()
    calls: int = 1
    route: Route | None = None
    routes: tuple[Route, ...] = ()
    soft: Mapping[str, Edge] = field(default_factory=dict[str, Edge])
    enough: int = 0
    wants: Mapping[str, int] = field(default_factory=dict[str, int])
    when: Condition | None = None
    policy: StepPolicy = DEFAULT_POLICY
    of: str = ""
    checks: tuple[Mapping[str, object], ...] = ()
    check_pictures: Mapping[str, str] = field(default_factory=dict[str, str])
    rerolls: int = 0

    @property
    def most_usd(self) -> Decimal | None:
        """US dollars with all rerolls, each of one picture; None if not known."""
        return (
            self.price_usd
            if self.price_usd is None or not self.rerolls
            else self.price_usd * (self.images + self.rerolls) / self.images
        )

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Names of all steps that must have ended before it starts."""
        return tuple(dict.fromkeys((*self.needs, *self.after, *self.soft)))

    def as_json(self, *, routes: bool = False) -> dict[str, object]:
        """What a plan shows of it: no prompts, no pictures; `routes` adds those that were not taken."""
        return {
            "name": self.name,
            "kind": self.kind,
            "task_type": self.task_type,
            "needs": list(self.waits_for),
            "inputs": [_size(facts) for facts in self.inputs],
            "outputs": [_size(facts) for facts in self.outputs],
            "images": self.images,
            "inserted": self.inserted,
            "reason": self.reason,
            "model": self.model,
            "price_usd": None if self.price_usd is None else float(self.price_usd),
            **({"soft": dict(self.soft)} if self.soft else {}),
            **({"when": written(self.when)} if self.when is not None else {}),
            **({"of": self.of} if self.of else {}),
            **({"checks": [check["kind"] for check in self.checks]} if self.checks else {}),
            **(
                {"rerolls": self.rerolls, "most_usd": None if self.most_usd is None else float(self.most_usd)}
                if self.rerolls
                else {}
            ),
            **({} if self.route is None else {"calls": self.calls, "route": self.route.as_json()}),
            **({"routes": [route.as_json() for route in self.routes]} if routes and self.route is not None else {}),
        }


def _size(facts: ImageFacts | None) -> dict[str, int] | None:
    return None if facts is None else {"width": facts.width, "height": facts.height}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a chain would do.

    Attributes:
        steps: in an order in which they can run, the inserted ones marked.
        model: model id of the Bedrock steps; several joined by commas.
        price_usd: US dollars for all steps, those included that a condition may leave out; None if one is not known.
        warnings: sentences for a person.
        time_s: seconds until the last step would have ended, by the rates of this moment; None where nobody can know.
    """

    steps: tuple[PlannedStep, ...]
    model: str
    price_usd: Decimal | None
    warnings: tuple[str, ...] = ()
    time_s: float | None = None

    def as_json(self) -> dict[str, object]:
        """The JSON form, steps in order."""
        return {
            "model": self.model,
            "price_usd": None if self.price_usd is None else float(self.price_usd),
            "time_s": self.time_s,
            "warnings": list(self.warnings),
            "steps": [step.as_json(routes=True) for step in self.steps],
        }
