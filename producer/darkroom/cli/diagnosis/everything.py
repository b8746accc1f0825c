"""Runs every check, in the order in which things depend on each other."""

from __future__ import annotations

from collections.abc import Mapping

from darkroom.cli.diagnosis.aws import check_bedrock, check_default_model
from darkroom.cli.diagnosis.finding import Finding
from darkroom.cli.diagnosis.ledger import check_ledger
from darkroom.cli.diagnosis.machine import check_home, check_installation
from darkroom.cli.diagnosis.store import check_store
from darkroom_shared.settings import Settings


def diagnose(settings: Settings, environment: Mapping[str, str], *, is_stack: bool) -> list[Finding]:
    """Everything that can be found out in a few seconds.

    Args:
        settings: complete ones; without a Redis address the ledger's checks fail with a sentence.
        environment: of the process, for the way to AWS.
        is_stack: True if the settings point to the embedded stack.
    """
    return [
        *check_installation(),
        *check_home(settings, is_stack=is_stack),
        *check_ledger(settings, is_stack=is_stack),
        *check_store(settings),
        *check_bedrock(settings, environment, is_stack=is_stack),
        *check_default_model(settings),
    ]
