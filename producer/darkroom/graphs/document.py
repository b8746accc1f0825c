"""The document of a workflow, as JSON or YAML has it: its parameters and its steps.

    name: relight
    parameters: {photo: {type: image}, scene: {type: text, default: on a marble table}}
    steps:
      cut:   {do: background-removal, with: {image: $params.photo}}
      scene: {do: outpainting, with: {text: $params.scene}}
      vary:  {do: image-variation, with: {count: 3}, when: $steps.scene.width >= 1024}

A step is one of: `do` and `with` (a typed request by its fields), `request` (Bedrock's own body), `step` (a free local step),
`approve` (a person decides). Which pictures it takes, where it names none, is told by `needs`, else it takes those of the step that
stands before it.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from darkroom.options import MOST_REROLLS
from darkroom_shared.contract.checks import MOST_CHECKS
from darkroom_shared.contract.gates import Gate
from darkroom_shared.contract.job_record import JobClass, Substitute
from darkroom_shared.core.conditions import LONGEST, ConditionError, parse
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.core.workflow import STEP_NAME

MOST_STEPS: Final = 100
"""Steps of a document; what they become is limited by `expansion.MOST_JOBS`."""
LONGEST_TEXT: Final = 512_000
"""Characters of a document."""
Name = Annotated[str, Field(pattern=rf"^{STEP_NAME.pattern}$")]
ParameterType = Literal["image", "images", "text", "texts", "integer", "number", "boolean", "color", "colors"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Parameter(_Part):
    """A value that is given at submit."""

    type: ParameterType
    description: str = ""
    default: Any = None
    """Left out or null: it must be given."""
    allowed: list[Any] | None = None
    """The only values it may have."""
    minimum: int | float | None = None
    maximum: int | float | None = None
    """Of a number its bounds; of a list how many items it has; of a text how many characters."""

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is None


class StepDocument(_Part):
    """One step as it is written."""

    do: str | None = None
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}
    request: dict[str, Any] | None = None
    step: dict[str, Any] | None = None
    approve: Gate | None = None
    images: str | list[Any] | None = None
    """Pictures of a local step or a gate, or those that a request works on."""
    documents: str | list[str] | None = None
    """Answers that a local step reads."""
    needs: list[Name] = []
    for_each: str | list[Any] | None = None
    """A list, a parameter that is one, or `$steps.NAME.outputs`: the step runs once for each item, which is `$item`."""
    when: str | None = Field(default=None, max_length=LONGEST)
    enough: Annotated[int, Field(ge=1, le=100)] | None = None
    """Of several steps whose pictures it takes, how many must have given some; 1 if left out."""
    model: str | None = None
    substitute: Substitute | None = None
    job_class: Annotated[JobClass | None, Field(alias="class")] = None
    attempts: Annotated[int, Field(ge=1, le=10)] | None = None
    finish_within: Annotated[float, Field(gt=0, le=366 * 86400)] | None = None
    """Seconds after the submit of the workflow by which its calls must have begun."""
    checks: Annotated[list[str | dict[str, Any]], Field(max_length=MOST_CHECKS)] = []
    """Automatic checks of each picture that it makes."""
    rerolls: Annotated[int, Field(ge=0, le=MOST_REROLLS)] = 0
    """How often what does not pass them is made again."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [name for name in ("do", "request", "step", "approve") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a step is one of do, request, step and approve; this one has {' and '.join(given) or 'none of them'}"
            )
        if self.with_ and self.do is None:
            raise ValueError("with goes together with do")
        if self.checks and self.do is None and self.request is None:
            raise ValueError("checks are for steps that call a model: do or request")
        if self.rerolls and not self.checks:
            raise ValueError("rerolls without checks: there is nothing to make again")
        return self


class WorkflowDocument(_Part):
    """A whole workflow as it is written."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")] | None = None
    description: Annotated[str, Field(max_length=2000)] = ""
    parameters: dict[Name, Parameter] = {}
    model: str | None = None
    substitute: Substitute | None = None
    job_class: Annotated[JobClass | None, Field(alias="class")] = None
    budget_usd: Annotated[float, Field(gt=0)] | None = None
    finish_within: Annotated[float, Field(gt=0, le=366 * 86400)] | None = None
    """Seconds after its submit by which the last of its calls must have begun."""
    steps: Annotated[dict[Name, StepDocument], Field(min_length=1, max_length=MOST_STEPS)]


def read_document(value: object) -> WorkflowDocument:
    """The document that a JSON value is. Raises InvalidRequest with everything that is wrong with its form."""
    try:
        document = WorkflowDocument.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest([_problem(item["loc"], item["msg"], item["input"]) for item in error.errors()]) from error
    problems = [found for name, step in document.steps.items() for found in _condition_problems(name, step)]
    if problems:
        raise InvalidRequest(problems)
    return document


def _problem(location: Sequence[int | str], message: str, found: object) -> Problem:
    # pydantic names the key of a mapping that breaks a rule as `[key]` behind it.
    parts = [part for part in location if part != "[key]"]
    said = message.removeprefix("Value error, ")
    if "Extra inputs" in said:
        names = sorted(field.alias or name for name, field in _schema(parts).model_fields.items())
        return Problem(pointer(parts), f"there is no {str(parts[-1])[:80]!r} here", names)
    value = f", not {found!r}"[:80] if isinstance(found, str | int | float) else ""
    return Problem(pointer(parts), said + value)


def _schema(parts: Sequence[int | str]) -> type[BaseModel]:
    if len(parts) >= 3 and parts[0] == "steps":
        return Gate if parts[2] == "approve" else StepDocument
    return Parameter if len(parts) >= 3 and parts[0] == "parameters" else WorkflowDocument


def _condition_problems(name: str, step: StepDocument) -> list[Problem]:
    if step.when is None:
        return []
    try:
        parse(step.when)
    except ConditionError as error:
        return [Problem(pointer(["steps", name, "when"]), f"this is no condition: {error}", "e.g. $steps.check.passed")]
    return []


def read_text(text: str, *, yaml: bool) -> WorkflowDocument:
    """The document in a text.

    Raises:
        InvalidRequest: it cannot be read (the message names line and column), or says something wrong.
        Misconfigured: it is YAML, and PyYAML is not installed.
    """
    if len(text) > LONGEST_TEXT:
        raise InvalidRequest([Problem("", f"the document has {len(text):,} characters", f"at most {LONGEST_TEXT:,}")])
    return read_document(_yaml(text) if yaml else _json(text))


def read_file(path: Path) -> WorkflowDocument:
    """The document in a file; `.yaml` and `.yml` are YAML, anything else is JSON. Raises as `read_text`, and OSError."""
    return read_text(path.read_text("utf-8"), yaml=path.suffix.lower() in (".yaml", ".yml"))


def _json(text: str) -> object:
    try:
        return cast("object", json.loads(text))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest([Problem("", f"this is no JSON: {error.msg} ({place})", "a JSON object with steps")]) from error
    except RecursionError as error:
        raise InvalidRequest([Problem("", "this JSON is nested too deeply")]) from error


def _yaml(text: str) -> object:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML without aliases, with which a small text can stand for an endless one, and without repeated keys."""

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                raise yaml.MarkedYAMLError(problem="an alias (*name) is not allowed", problem_mark=self.get_mark())
            return super().compose_node(parent, index)

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            seen: set[object] = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} stands there twice", problem_mark=key.start_mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep=deep)

    try:
        return cast("object", yaml.load(text, Loader))  # noqa: S506 - a safe loader, made stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
        raise InvalidRequest([Problem("", f"this is no YAML: {error.problem}{place}", "a mapping with steps")]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidRequest([Problem("", f"this is no YAML: {str(error)[:200]}", "a mapping with steps")]) from error


def as_json(document: WorkflowDocument) -> Mapping[str, object]:
    """The document as `read_document` takes it."""
    return document.model_dump(mode="json", by_alias=True, exclude_defaults=True)
