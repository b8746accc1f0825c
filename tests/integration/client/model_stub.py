"""Bedrock's control plane on loopback, as far as `GetFoundationModel` goes: states and errors by model, set by a test."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from tests.integration.client.aws_stub import Asked, Told, leading_to, serving

_STATUS: Final = {"ResourceNotFoundException": 404, "ValidationException": 400, "AccessDeniedException": 403}
_PATH: Final = "/foundation-models/"


@dataclass(slots=True)
class ModelStub:
    """What the service says, and what it was asked.

    Attributes:
        lifecycles: by bare model id, or by `region/id`, which counts first; a model that is not named is ACTIVE.
        errors: the code of an error in place of an answer, by the same names.
        refusals: codes of errors that are answered to the next requests, whatever they ask.
        asked: Region and id of each request.
    """

    url: str = ""
    lifecycles: dict[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    errors: dict[str, str] = field(default_factory=dict[str, str])
    refusals: list[str] = field(default_factory=list[str])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def answer(self, asked: Asked) -> Told:
        """What a request for a model's state is told."""
        assert asked.path.startswith(_PATH)
        region, model = asked.region, unquote(asked.path.removeprefix(_PATH))
        self.asked.append((region, model))
        names = (f"{region}/{model}", model)
        code = self.refusals.pop(0) if self.refusals else next((self.errors[name] for name in names if name in self.errors), "")
        if code:
            return Told(_STATUS.get(code, 400), {"message": f"the stub says {code}"}, {"x-amzn-ErrorType": code})
        lifecycle = next((self.lifecycles[name] for name in names if name in self.lifecycles), {"status": "ACTIVE"})
        arn = f"arn:aws:bedrock:{region}::foundation-model/{model}"
        return Told(200, {"modelDetails": {"modelArn": arn, "modelId": model, "modelLifecycle": lifecycle}})

    def environment(self) -> dict[str, str]:
        """What leads an AWS program here, and nowhere else."""
        return leading_to(self.url, "BEDROCK")


@contextmanager
def running_stub() -> Generator[ModelStub]:
    """The service for the length of a `with` block: every model is ACTIVE everywhere."""
    stub = ModelStub()
    with serving(stub.answer) as stub.url:
        yield stub
