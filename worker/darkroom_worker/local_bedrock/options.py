"""Reads the command line of `python -m darkroom_worker.local_bedrock`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.models.custom import custom_model
from darkroom_shared.models.model import Model
from darkroom_worker.local_bedrock.config import LOCAL_GUARDRAIL, Config, parse_latency
from darkroom_worker.local_bedrock.faults import parse_fault
from darkroom_worker.local_bedrock.known_models import catalogue_quotas, quota_limit, quota_name, resolve
from darkroom_worker.local_bedrock.quotas import QUOTA_KINDS

T = TypeVar("T")

_MOST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Options:
    """The configuration, and how this process is tied to others.

    Attributes:
        config: what the endpoint does.
        with_parent: stop when the process that started this one is gone.
        ready_fd: file descriptor for the ready line; None for standard output.
    """

    config: Config
    with_parent: bool
    ready_fd: int | None


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Reads the arguments; leaves the program with status 2 and a sentence if they make no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        config = Config(
            host=given.host,
            port=given.port,
            allow_remote=given.allow_remote,
            engine=given.engine,
            processes=given.processes,
            quotas=quotas_of(given.quota),
            quota_kind=given.quota_kind,
            time_scale=given.time_scale,
            latency_s=given.latency,
            faults=tuple(given.fault),
            end_of_life=frozenset(given.eol),
            legacy_idle=frozenset(given.legacy_idle),
            guardrails=frozenset((LOCAL_GUARDRAIL, *given.guardrail)),
            custom={model.id: model for model in given.custom},
            log=given.log,
            patience_s=given.patience,
            seed=given.seed,
        )
    except ValueError as error:
        parser.error(str(error))
    return Options(config, given.with_parent, given.ready_fd)


def quotas_of(texts: Sequence[str]) -> Mapping[str, float]:
    """Requests a minute by model: the catalogue's, changed by each `[REGION/]MODEL=RPM`; `off` drops the catalogue's.

    Raises:
        ValueError: a text is neither, or names an unknown model.
    """
    quotas: dict[str, float] = {} if "off" in texts else dict(catalogue_quotas())
    for text in texts:
        if text != "off":
            model, equals, limit = text.rpartition("=")
            try:
                quotas[quota_name(model)] = quota_limit(limit)
            except (ValueError, UnknownModel) as error:
                told = f"--quota {text}: {error}" if equals else f"--quota is off or [REGION/]MODEL=RPM, not {text}"
                raise ValueError(told) from error
    return quotas


def _model(text: str) -> str:
    try:
        return resolve(text).model_id
    except UnknownModel as error:
        raise ValueError(str(error)) from error


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _MOST_PORT:
        raise ValueError(f"a port is a number from 0 to {_MOST_PORT}, not {text[:20]}")
    return int(text)


def _appendable(text: str) -> Path:
    """The path of a file that can be appended to; tried here, for later it would look like an address that is in use."""
    path = Path(text)
    try:
        path.open("ab").close()
    except OSError as error:
        raise ValueError(f"{path} cannot be opened: {error.strerror}") from error
    return path


def _custom(text: str) -> Model:
    """A fine-tuned model out of `ARN=MODEL`."""
    arn, _, base = text.partition("=")
    try:
        return custom_model(arn, base)
    except UnknownModel as error:
        raise ValueError(str(error)) from error


def _said(parse: Callable[[str], T]) -> Callable[[str], T]:
    """argparse drops the text of a ValueError; this keeps it."""

    def convert(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="darkroom local-bedrock",
        description="A local stand-in for Amazon Bedrock's runtime, for image models. Pictures are a preview: no model makes them.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    add("--port", type=_said(_port), default=0, help="port; 0, the default, takes a free one")
    add("--allow-remote", action="store_true", help="allow an address that other machines can reach")
    add("--engine", choices=("procedural", "canned"), default="procedural", help="who makes the pictures")
    add("--processes", type=int, default=2, help="processes of the procedural engine (default 2)")
    add(
        "--quota",
        action="append",
        default=[],
        metavar="off|[REGION/]MODEL=RPM",
        help="requests a minute, in each Region or in one; default: AWS's default quotas",
    )
    add("--quota-kind", choices=QUOTA_KINDS, default="token-bucket", help="how quotas are counted")
    add("--time-scale", type=float, default=1.0, metavar="X", help="quota seconds in a real second (default 1)")
    add("--latency", type=_said(parse_latency), default=(0.0, 0.0), metavar="S|LOW-HIGH", help="least time to an answer, in s")
    add("--fault", type=_said(parse_fault), action="append", default=[], metavar="SPEC", help="e.g. throttle:0.3, reset:every=5")
    add("--eol", type=_said(_model), action="append", default=[], metavar="MODEL", help="answer as past its end of life")
    add("--legacy-idle", type=_said(_model), action="append", default=[], metavar="MODEL", help="answer as Legacy and idle")
    add("--guardrail", action="append", default=[], metavar="ID", help="a guardrail besides localguard, in version DRAFT and 1")
    add("--custom", type=_said(_custom), action="append", default=[], metavar="ARN=MODEL", help="a provisioned model and its base")
    add("--log", type=_said(_appendable), metavar="FILE", help="append every request to this JSONL file")
    add("--patience", type=float, default=60.0, metavar="S", help="time for a client to send a request (default 60)")
    add("--seed", type=int, default=0, help="of latency and faults (default 0)")
    add("--with-parent", action="store_true", help="stop when the process that started this one is gone")
    add("--ready-fd", type=int, metavar="N", help="write the ready line to this file descriptor, not to standard output")
    return parser
