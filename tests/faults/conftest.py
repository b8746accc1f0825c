"""What every test of the ledger under faults needs, and a place to say what was measured."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.local_bedrock.endpoints import Running, running_endpoint
from tests.support.stack import Stack
from tests.support.valkey import Server, running_valkey

_numbers = itertools.count(1)
_MEASURED = "measured"


@pytest.fixture(scope="session")
def bedrock() -> Iterator[Running]:
    """A local endpoint with prepared pictures and no quotas."""
    with running_endpoint("--engine", "canned", "--quota", "off") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def durable_server() -> Iterator[Server]:
    """A Valkey that writes through at every command, as the ledger's server must; also on a TCP port."""
    with running_valkey(tcp=True, appendfsync="always") as server:
        yield server


@pytest.fixture
def stack(durable_server: Server, bedrock: Running, tmp_path: Path) -> Iterator[Stack]:
    """A stack without a worker and with a ledger of its own; the endpoint's faults end with the test."""
    stack = Stack(durable_server.url, bedrock, tmp_path / "home", f"faults{next(_numbers)}:")
    yield stack
    stack.faults()
    stack.close()


@pytest.fixture
def seed() -> Callable[[], int]:
    """Seeds that no other request in this run has, by which the endpoint's log is searched."""
    return lambda: 1000 + next(_numbers)


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`measured("case 8", "60 calls for 60 jobs, 14 cuts")` is printed at the end of the run, whichever process ran the test."""
    return lambda case, text: request.node.user_properties.append((_MEASURED, f"{case:<12} {text}"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest tests first, by the seconds that their mark tells: none of them is left over when all others are done."""

    def seconds(item: pytest.Item) -> float:
        mark = item.get_closest_marker("long")
        return float(mark.kwargs.get("seconds", 0)) if mark else 0

    items.sort(key=seconds, reverse=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what the tests measured."""
    ended = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome) if report.when == "call"]
    said = [str(text) for report in ended for name, text in report.user_properties if name == _MEASURED]
    if said:
        terminalreporter.section("measured")
        for line in said:
            terminalreporter.line(line)
