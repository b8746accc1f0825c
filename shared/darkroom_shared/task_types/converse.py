"""CONVERSE: a vision model looks at pictures and answers with words or JSON (Bedrock's Converse operation).

The body is Converse's own, `messages` with content blocks, under darkroom's tag. Five typed requests build it, for what services
ask about pictures. Where an answer must be JSON, one tool is offered and forced: the model's input to it is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem
from darkroom_shared.task_types.descriptor import EACH, ImageSlot, TaskType
from darkroom_shared.task_types.places import as_array, as_object
from darkroom_shared.task_types.request import ImageSource, given

MOST_IMAGES: Final = 20
"""Pictures in one message. Source: "Message" of the Bedrock API reference, read in 2026."""

CONVERSE = TaskType(
    name="CONVERSE",
    slug="converse",
    params_key="",
    slots=(ImageSlot(("messages", EACH, "content", EACH, "image", "source", "bytes"), "image", chained_most=MOST_IMAGES),),
    takes_config=False,
)

EXTRACT_TOOL: Final = "darkroom_extract"
CHECK_TOOL: Final = "darkroom_check"
"""Name of the tool by which a check gives its verdict; a step of a chain that forces it decides whether the chain goes on."""
VERDICT: Final[Mapping[str, object]] = {
    "type": "object",
    "properties": {
        "passes": {"type": "boolean", "description": "Whether the statement holds for every picture."},
        "reason": {"type": "string", "description": "Why, in one sentence."},
    },
    "required": ["passes", "reason"],
    "additionalProperties": False,
}
"""The JSON Schema of a verdict."""

Images = Sequence[ImageSource]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConverseOptions:
    """What every question about pictures may say besides; left out where it is None.

    Attributes:
        system: who the model is to be, or rules for the whole answer.
        max_tokens: longest answer in tokens; the model's own limit if left out.
        temperature: 0 to 1; 0 gives much the same answer each time.
    """

    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None

    task_type: ClassVar[str] = CONVERSE.name

    def _body(self, images: Images, prompt: str) -> dict[str, object]:
        # Pictures first: so the models' documents advise. `format` is told when the picture is sent, as it is known then.
        content: list[object] = [{"image": {"source": {"bytes": image}}} for image in images]
        body: dict[str, object] = {
            "taskType": CONVERSE.name,
            "messages": [{"role": "user", "content": [*content, {"text": prompt}]}],
        }
        if self.system is not None:
            body["system"] = [{"text": self.system}]
        settings = given({"maxTokens": self.max_tokens, "temperature": self.temperature})
        return {**body, "inferenceConfig": settings} if settings else body


@dataclass(frozen=True, slots=True)
class Describe(ConverseOptions):
    """Describes a picture in words. In a chain it looks at the pictures of the step before it.

    Attributes:
        image: the picture.
        prompt: what to describe, and how.
    """

    image: ImageSource | None = field(default=None, repr=False)
    prompt: str = "Describe this picture in a few sentences."

    def to_body(self) -> dict[str, object]:
        """The tagged CONVERSE body."""
        return self._body(_one(self.image), self.prompt)


@dataclass(frozen=True, slots=True)
class Ask(ConverseOptions):
    """Answers a question about one or more pictures in words. In a chain it looks at the pictures of the step before it.

    Attributes:
        images: 1 to 20 pictures.
        question: what to answer.
    """

    images: Images = field(default=(), repr=False)
    question: str = ""

    def to_body(self) -> dict[str, object]:
        """The tagged CONVERSE body."""
        return self._body(self.images, self.question)


@dataclass(frozen=True, slots=True)
class Extract(ConverseOptions):
    """Reads facts out of pictures as JSON by a schema of yours. In a chain it looks at the pictures of the step before it.

    The answer is held against the schema; one that does not keep it fails, and is asked for again within the call budget.

    Attributes:
        images: 1 to 20 pictures.
        schema: JSON Schema (draft 2020-12) of the answer, an object.
        prompt: what to read, beyond what the schema's descriptions say.
    """

    images: Images = field(default=(), repr=False)
    schema: Mapping[str, object] = field(default_factory=dict[str, object])
    prompt: str = "Read from the pictures what the tool asks for. Leave out what cannot be seen."

    def to_body(self) -> dict[str, object]:
        """The tagged CONVERSE body."""
        body = self._body(self.images, self.prompt)
        return body | _forced(EXTRACT_TOOL, "Takes what was read from the pictures.", self.schema)


@dataclass(frozen=True, slots=True)
class Compare(ConverseOptions):
    """Says in words how pictures differ. In a chain it looks at the pictures of the step before it.

    Attributes:
        images: 2 to 20 pictures; none where a chain puts in those of the step before it.
        question: what to compare.

    Raises:
        InvalidRequest: there is one picture alone. The body does not tell a comparison from any other question.
    """

    images: Images = field(default=(), repr=False)
    question: str = "What do these pictures have in common, and how do they differ?"

    def __post_init__(self) -> None:
        if len(self.images) == 1:
            allowed = {"minItems": 2, "maxItems": MOST_IMAGES}
            raise InvalidRequest([Problem("/images", "there is nothing to compare one picture with", allowed)])

    def to_body(self) -> dict[str, object]:
        """The tagged CONVERSE body."""
        return self._body(self.images, self.question)


@dataclass(frozen=True, slots=True)
class Check(ConverseOptions):
    """Tells whether a statement holds for a picture: a verdict `{"passes": true, "reason": "..."}`.

    In a chain it looks at the pictures of the step before it; if they do not pass, the chain ends there and nothing more is paid.

    Attributes:
        image: the picture.
        question: the statement or yes-or-no question: `a red boat is visible`.
    """

    image: ImageSource | None = field(default=None, repr=False)
    question: str = ""

    def to_body(self) -> dict[str, object]:
        """The tagged CONVERSE body."""
        body = self._body(_one(self.image), self.question)
        return body | _forced(CHECK_TOOL, "Takes the verdict on the pictures.", VERDICT)


def forced_schema(body: Mapping[str, object]) -> Mapping[str, object] | None:
    """The JSON Schema that an answer must keep: that of the one tool that the body forces; None for any other body."""
    name = _forced_name(body)
    for tool in as_array(as_object(body.get("toolConfig")).get("tools")):
        spec = as_object(as_object(tool).get("toolSpec"))
        if name is not None and spec.get("name") == name:
            return as_object(as_object(spec.get("inputSchema")).get("json"))
    return None


def is_check(body: Mapping[str, object]) -> bool:
    """Whether the answer is a verdict on whether to go on."""
    return body.get("taskType") == CONVERSE.name and _forced_name(body) == CHECK_TOOL


def _forced_name(body: Mapping[str, object]) -> object:
    return as_object(as_object(as_object(body.get("toolConfig")).get("toolChoice")).get("tool")).get("name")


def _one(image: ImageSource | None) -> Images:
    return () if image is None else (image,)


def _forced(name: str, description: str, schema: Mapping[str, object]) -> dict[str, object]:
    spec = {"name": name, "description": description, "inputSchema": {"json": schema}}
    return {"toolConfig": {"tools": [{"toolSpec": spec}], "toolChoice": {"tool": {"name": name}}}}
