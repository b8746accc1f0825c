"""Finds, reads and replaces the pictures inside a request body, without knowing what they are (base64, reference, bytes, path).

Nothing here raises on a malformed body: a place that is not there, or not of the expected form, is simply no place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from darkroom_shared.core.problems import pointer
from darkroom_shared.task_types.descriptor import EACH, ImagePlace, ImageSlot, TaskType

Path = tuple[str | int, ...]


def as_object(value: object) -> Mapping[str, object]:
    """The value if it is a JSON object, else an empty one."""
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def as_array(value: object) -> Sequence[object]:
    """The value if it is a JSON array, else an empty one."""
    return cast("Sequence[object]", value) if isinstance(value, list | tuple) else ()


def value_at(body: Mapping[str, object], path: Path) -> object:
    """What stands at a path; None where nothing does."""
    value: object = body
    for part in path:
        if isinstance(part, int):
            items = as_array(value)
            value = items[part] if part < len(items) else None
        else:
            value = as_object(value).get(part)
    return value


def _paths(slot: ImageSlot, body: Mapping[str, object]) -> list[Path]:
    """Where pictures stand. An object is none: its picture, if it has one, is at a longer path."""
    wanted = (*slot.path, EACH) if slot.many else slot.path
    return [
        path for path in _expanded(body, wanted) if (value := value_at(body, path)) is not None and not isinstance(value, Mapping)
    ]


def _expanded(body: Mapping[str, object], wanted: tuple[str, ...]) -> list[Path]:
    paths: list[Path] = [()]
    for part in wanted:
        if part == EACH:
            paths = [(*path, index) for path in paths for index in range(len(as_array(value_at(body, path))))]
        else:
            paths = [(*path, part) for path in paths]
    return paths


def places_of(task: TaskType, body: Mapping[str, object]) -> dict[ImagePlace, object]:
    """The pictures present in a body of the task, and what stands there, in the order of the task's slots."""
    return {_place(slot, path): value_at(body, path) for slot in task.slots for path in _paths(slot, body)}


def _place(slot: ImageSlot, path: Path) -> ImagePlace:
    return ImagePlace(pointer(path), slot.role, slot.data_url, pointer(slot.format_at))


def has_value(body: Mapping[str, object], where: str) -> bool:
    """Whether a JSON pointer leads to something in the body."""
    path = [int(part) if part.isdecimal() else part for part in where.split("/")[1:]]
    return value_at(body, tuple(path)) is not None


def replace_at(body: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    """A copy of the body with other values at the given pointers; what is not touched is shared, not copied.

    Raises:
        KeyError: a pointer leads nowhere in this body.
    """
    result = dict(body)
    for where, value in values.items():
        parts = [part.replace("~1", "/").replace("~0", "~") for part in where.split("/")[1:]]
        if not parts:
            raise KeyError(where)
        result = cast("dict[str, object]", _replaced(result, parts, value, where))
    return result


def without_items(body: Mapping[str, object], wheres: Sequence[str]) -> dict[str, object]:
    """A copy of the body without the items of its innermost lists that these JSON pointers go through, or are."""
    gone: dict[str, set[int]] = {}
    for where in wheres:
        parts = where.split("/")
        last = max(place for place, part in enumerate(parts) if part.isdecimal())
        gone.setdefault("/".join(parts[:last]), set()).add(int(parts[last]))
    values: dict[str, object] = {}
    for where, indexes in gone.items():
        path = tuple(int(part) if part.isdecimal() else part for part in where.split("/")[1:])
        values[where] = [item for index, item in enumerate(as_array(value_at(body, path))) if index not in indexes]
    return replace_at(body, values)


def _replaced(node: object, parts: Sequence[str], value: object, where: str) -> object:
    if not parts:
        return value
    head, rest = parts[0], parts[1:]
    if isinstance(node, Mapping):
        fields = dict(as_object(cast("object", node)))
        if head not in fields:
            raise KeyError(where)
        return {**fields, head: _replaced(fields[head], rest, value, where)}
    items = list(as_array(node))
    if not head.isdecimal() or int(head) >= len(items):
        raise KeyError(where)
    items[int(head)] = _replaced(items[int(head)], rest, value, where)
    return items


def with_chained_images(task: TaskType, body: Mapping[str, object], images: Sequence[object]) -> dict[str, object]:
    """A copy of the body that works on `images`, unless it already names a picture of its own.

    Args:
        images: 1 or more of anything that may stand at an image place, as a rule `$steps.<name>.outputs[0]`; of more than the slot
            takes the first count.
    """
    slot = task.chained_slot
    if slot is None or _paths(slot, body) or (slot.chained_with and not any(key in body for key in slot.chained_with)):
        return dict(body)
    if any(value_at(body, path) is not None for path in slot.instead):
        return dict(body)
    taken = list(images[: slot.chained_most])
    return cast("dict[str, object]", _filled(body, slot.path, taken if slot.many else taken[0], taken))


def _filled(node: object, path: Sequence[str], value: object, each: Sequence[object]) -> object:
    """The node with `value` at the path. A list on the way is gone through by its first item; the last one gets an item in front
    for each of `each`."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if key != EACH:
        fields = as_object(node)
        return {**fields, key: _filled(fields.get(key), rest, value, each)}
    items = list(as_array(node))
    if EACH in rest:
        return [_filled(items[0], rest, value, each), *items[1:]] if items else items
    return [*(_filled(None, rest, one, each) for one in each), *items]
