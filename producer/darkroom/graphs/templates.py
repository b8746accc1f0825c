"""Named workflows: those that come with darkroom, and those that a tenant has saved, each version for good.

`relight` is the newest version of that name, `relight@2` its second. The built-in ones are files beside this module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, cast

from darkroom.effects import Flow, ask
from darkroom.graphs.document import WorkflowDocument, as_json, read_document, read_text
from darkroom_shared.core.errors import InvalidRequest, QueueFull
from darkroom_shared.core.problems import Problem
from darkroom_shared.store import graph

_NAME: Final = re.compile(r"([a-z][a-z0-9_-]{0,63})(?:@([1-9]\d{0,3}))?")
BUILTIN: Final = "builtin"


@dataclass(frozen=True, slots=True)
class Template:
    """A named workflow.

    Attributes:
        name, version: `NAME@VERSION`; of one that comes with darkroom the version is `builtin`.
        document: its parameters and steps.
    """

    name: str
    version: str
    document: WorkflowDocument

    @property
    def full_name(self) -> str:
        """`NAME@VERSION`."""
        return f"{self.name}@{self.version}"


@cache
def builtins() -> Mapping[str, Template]:
    """The workflows that come with darkroom, by name."""
    folder = resources.files("darkroom.graphs") / "builtin"
    found = {
        file.name.removesuffix(".yaml"): read_text(file.read_text("utf-8"), yaml=True)
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    }
    return {name: Template(name, BUILTIN, found[name]) for name in sorted(found)}


def template(tenant: str, text: str) -> Flow[Template]:
    """The workflow of a name.

    Raises:
        InvalidRequest: there is none of that name or version; tells which there are.
    """
    match = _NAME.fullmatch(text)
    name, version = (match[1], match[2]) if match else (text, None)
    if name in builtins() and version is None:
        return builtins()[name]
    saved: Mapping[str, str] = {}
    if match:
        saved = yield from ask(graph.template(tenant, name))
    found = version or str(max(map(int, saved), default=0))
    if found in saved:
        return Template(name, found, read_document(json.loads(saved[found])))
    names = yield from ask(graph.template_names(tenant))
    allowed: list[str] = sorted(saved, key=int) if saved else [*builtins(), *names]
    what = f"no version {version} of {name}" if saved else f"no workflow {text[:80]!r}"
    raise InvalidRequest([Problem("/template", f"there is {what}", allowed)])


def save(tenant: str, document: WorkflowDocument, name: str | None) -> Flow[tuple[str, bool]]:
    """Saves a document under its name. Gives `NAME@VERSION`, and False if it is there already, word for word.

    Raises:
        InvalidRequest: it has no name, or that of a workflow that comes with darkroom.
        QueueFull: the name has 1000 versions.
    """
    wanted = name or document.name
    if wanted is None or not _NAME.fullmatch(wanted) or "@" in wanted:
        raise InvalidRequest(
            [Problem("/name", f"{wanted!r} is no name to save it under", "a-z, 0-9, _ and -, at most 64 characters")]
        )
    if wanted in builtins():
        raise InvalidRequest([Problem("/name", f"{wanted!r} comes with darkroom", "another name")])
    if _holds_pictures(document.model_dump()):
        message = "it holds pictures, which would be the same in every run"
        raise InvalidRequest([Problem("/steps", message, "a parameter of the type image, and $params.NAME in its place")])
    # The order of the steps means something: a step that says nothing else takes the pictures of the one before it.
    text = json.dumps(as_json(document), ensure_ascii=False)
    version, new = yield from ask(graph.save_template(tenant, wanted, text))
    if not version:
        raise QueueFull(f"{wanted} has {graph.MOST_VERSIONS} versions, and may not have more.")
    return f"{wanted}@{version}", new


def _holds_pictures(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_pictures, cast("Mapping[str, object]", value).values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_pictures, cast("list[object]", value)))
    return not (value is None or isinstance(value, str | int | float))


def every(tenant: str) -> Flow[list[Template]]:
    """The built-in workflows, then the newest version of each that the tenant has saved."""
    found = list(builtins().values())
    for name in (yield from ask(graph.template_names(tenant))):
        found.append((yield from template(tenant, name)))
    return found
