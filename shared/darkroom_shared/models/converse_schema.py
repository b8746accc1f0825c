"""The body of Converse: its JSON Schema, and the rules between its fields that no schema says.

Ranges are those of the service model (botocore); what holds for pictures is from "Message" of the Bedrock API reference, read in
2026. Documents, films and pictures in S3 are left out: darkroom keeps no such bytes, and its jobs are about pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.models.body_size import body_size_problems, is_plain_json
from darkroom_shared.models.findings import schema_problems, unsupported_task
from darkroom_shared.models.json_schemas import schema_findings
from darkroom_shared.models.model import Body, Facts, Model, Schema
from darkroom_shared.models.schema import array, choice, integer, number, picture, record, text
from darkroom_shared.task_types import CONVERSE, as_array, as_object, image_places, image_values
from darkroom_shared.task_types.converse import MOST_IMAGES

FORMATS: Final = ("png", "jpeg", "webp", "gif")
"""What Converse calls the formats of pictures."""
_MOST_TEXT: Final = 25_000_000
"""The service model names no length; a body may not be longer than this."""
_MOST_TOKENS: Final = 2_147_483_647
_ANY_OBJECT: Final[Schema] = {"type": "object"}
_TOOL_NAME: Final[Schema] = {"type": "string", "pattern": r"^[a-zA-Z0-9_-]{1,64}(?![\s\S])"}
_CACHE_POINT: Final = record({"type": choice(["default"])}, ("type",))
_TEXT: Final = text(1, _MOST_TEXT)
_BLOCKS: Final = ("text", "image", "toolUse", "toolResult", "cachePoint")
_ALONE: Final = "exactly one of {}"


@cache
def converse_schemas(_: Model) -> Mapping[str, Schema]:
    """The schema of the one task, by its name."""
    image = record({"format": choice(FORMATS), "source": record({"bytes": picture()}, ("bytes",))}, ("source",))
    result = record({"text": _TEXT, "json": {}})
    block = record(
        {
            "text": _TEXT,
            "image": image,
            "toolUse": record({"toolUseId": _TEXT, "name": _TOOL_NAME, "input": {}}, ("toolUseId", "name", "input")),
            "toolResult": record(
                {"toolUseId": _TEXT, "content": array(result, 1), "status": choice(["success", "error"])}, ("toolUseId", "content")
            ),
            "cachePoint": _CACHE_POINT,
        }
    )
    message = record({"role": choice(["user", "assistant"]), "content": array(block, 1)}, ("role", "content"))
    spec = record(
        {"name": _TOOL_NAME, "description": _TEXT, "inputSchema": record({"json": _ANY_OBJECT}, ("json",))}, ("name", "inputSchema")
    )
    tool_choice = record({"auto": _ANY_OBJECT, "any": _ANY_OBJECT, "tool": record({"name": _TOOL_NAME}, ("name",))})
    fields: dict[str, Schema] = {
        "taskType": {"const": CONVERSE.name},
        "messages": array(message, 1),
        "system": array(record({"text": _TEXT, "cachePoint": _CACHE_POINT}), 1),
        "inferenceConfig": record(
            {
                "maxTokens": integer(1, _MOST_TOKENS),
                "temperature": number(0, 1),
                "topP": number(0, 1),
                "stopSequences": array(_TEXT, 0, 2500),
            }
        ),
        "toolConfig": record(
            {"tools": array(record({"toolSpec": spec, "cachePoint": _CACHE_POINT}), 1), "toolChoice": tool_choice}, ("tools",)
        ),
        "additionalModelRequestFields": _ANY_OBJECT,
        "additionalModelResponseFieldPaths": array(text(1, 256), 0, 10),
        "requestMetadata": _ANY_OBJECT,
        "performanceConfig": record({"latency": choice(["standard", "optimized"])}),
    }
    return {CONVERSE.name: record(fields, ("taskType", "messages"))}


def check_converse_body(model: Model, body: Body) -> list[Problem]:
    """All problems of a tagged body that can be seen without its pictures."""
    if body.get("taskType") != CONVERSE.name:
        return [unsupported_task(model, body)]
    size = body_size_problems(body)
    if size and not is_plain_json(body):
        return size
    return [*size, *schema_problems(converse_schemas(model)[CONVERSE.name], body), *_between(body)]


def _between(body: Body) -> list[Problem]:
    found: list[Problem] = []
    messages = as_array(body.get("messages"))
    if messages and as_object(messages[0]).get("role") == "assistant":
        found.append(Problem("/messages/0/role", "the first message is the assistant's", ["user"]))
    for number_, message in enumerate(messages):
        found += _message(number_, as_object(message))
    if not image_places(body):
        found.append(Problem("/messages", "there is no picture in the messages", "1 or more content blocks with an image"))
    if "guardrailConfig" in body:
        found.append(
            Problem("/guardrailConfig", "a guardrail is an option of the job, not part of its body", "the option guardrail")
        )
    return [*found, *_tools(as_object(body.get("toolConfig")))]


def _message(number_: int, message: Mapping[str, object]) -> list[Problem]:
    found: list[Problem] = []
    blocks = [as_object(block) for block in as_array(message.get("content"))]
    for place, block in enumerate(blocks):
        if block.keys() <= set(_BLOCKS) and len(block) != 1:
            where = pointer(("messages", number_, "content", place))
            found.append(Problem(where, f"a content block holds {len(block)} things", _ALONE.format(", ".join(_BLOCKS))))
    pictures = sum("image" in block for block in blocks)
    where = pointer(("messages", number_, "content"))
    if pictures and message.get("role") == "assistant":
        found.append(Problem(where, "pictures stand in an assistant's message", "pictures in messages of the user"))
    if pictures > MOST_IMAGES:
        found.append(Problem(where, f"the message holds {pictures} pictures", f"at most {MOST_IMAGES}"))
    return found


def _tools(config: Mapping[str, object]) -> list[Problem]:
    found: list[Problem] = []
    names: list[object] = []
    for place, tool in enumerate(as_array(config.get("tools"))):
        spec = as_object(as_object(tool).get("toolSpec"))
        names += [spec["name"]] if "name" in spec else []
        where = pointer(("toolConfig", "tools", place, "toolSpec", "inputSchema", "json"))
        found += schema_findings(where, as_object(as_object(spec.get("inputSchema")).get("json")))
    choice_ = as_object(config.get("toolChoice"))
    wanted = as_object(choice_.get("tool")).get("name")
    if isinstance(wanted, str) and wanted not in names:
        found.append(Problem("/toolConfig/toolChoice/tool/name", f"there is no tool {wanted[:80]!r}", names))
    if choice_ and len(choice_) != 1:
        found.append(Problem("/toolConfig/toolChoice", f"it names {len(choice_)} ways", _ALONE.format("auto, any, tool")))
    return found


def format_problems(body: Body, facts: Facts) -> list[Problem]:
    """The problem of a picture that is said to be of another format than it is; one that is not said is told when it is sent."""
    found: list[Problem] = []
    for place in image_values(body):
        where = place.pointer.removesuffix("/source/bytes")
        said = _value_at(body, where).get("format")
        if isinstance(said, str) and place.pointer in facts and said != facts[place.pointer].format.lower():
            is_ = facts[place.pointer].format.lower()
            message = f"it says {said[:20]}, and the picture is a {is_.upper()} file"
            found.append(Problem(f"{where}/format", message, [is_]))
    return found


def _value_at(body: Body, where: str) -> Mapping[str, object]:
    value: object = body
    for part in where.split("/")[1:]:
        value = as_array(value)[int(part)] if part.isdecimal() else as_object(value).get(part)
    return as_object(value)
