"""Each script has its operation, each operation its script, and every script says what it does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import darkroom_shared.store
from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.store import access, batches, graph, hooks, ops, owning, presence, reads, retirement, steering, upkeep
from darkroom_shared.store.loading import source
from darkroom_shared.store.operation import Script

STORE = Path(str(darkroom_shared.store.__file__)).parent
SCRIPTS = sorted(path.stem for path in (STORE / "scripts").glob("*.lua"))
FAILURE = Failure(FailureKind.RETRY, "x", "y")

OPERATIONS: list[Script[object]] = [
    ops.accept([], []),
    ops.admit({}, 1),
    upkeep.cancel("job"),
    ops.claim("call", 1, "w", 1, "token"),
    ops.commit("call", 1, outputs=[]),
    upkeep.discard("job"),
    graph.decide("job", approve=True),
    graph.save_template("t", "name", "{}"),
    graph.secret("drawn"),
    ops.doubt("call", 1, FAILURE, after=AfterDoubt.RETRY),
    ops.fail("call", 1, FAILURE, "x"),
    batches.open_batch("bt", {}),
    batches.add_rows("bt", "chunk", 1, []),
    batches.start("bt"),
    batches.due(1),
    batches.stuck("bt", 1, 1),
    batches.cancel("bt"),
    presence.fleet(),
    ops.gate("call", 1, lease_ms=1, call_budget=1, price_microusd=None, attempt={}),
    upkeep.guarded("call", 1, "before", {}),
    upkeep.hints("job", 1),
    presence.leave("w"),
    upkeep.purge(1),
    ops.receipt("call", 1, "name", None, 1),
    upkeep.reconcile(republish_ms=1, crash_budget=1, gap_ms=1, lease_ms=1),
    upkeep.recover("call", "name"),
    reads.records([]),
    reads.jobs_before(None, None, 1),
    presence.register("w", 1, {}, []),
    upkeep.removed([], 1),
    ops.renew([], 1),
    retirement.reroute("call", 1, model="m", failure=FAILURE, fields={}, names=[], calls=1, pools=[]),
    upkeep.resolve("call", "retry"),
    retirement.retire([]),
    ops.snooze("call", 1, delay_ms=1, reason="x", failure=FAILURE, counts=True),
    steering.lanes(),
    steering.steer("lane", "name", "active"),
    steering.synced_quotas([]),
    steering.tenant("name", {}),
    upkeep.sweep(1, "name"),
    upkeep.told("job"),
    owning.uploaded("t", "0" * 64, 1),
    owning.owned("t", []),
    upkeep.unheld([]),
    access.add_key("k", {}),
    access.turn_key("k", "0" * 64, 1),
    access.revoke_key("k"),
    access.keys(),
    access.shown("k"),
    access.note("by", "pause", "lane", ""),
    hooks.set_hook("h", "t", {}),
    hooks.delete_hook("h", "t"),
    hooks.hooks("t"),
    hooks.send_test("h", "t"),
    hooks.due(1, most=1, lease_ms=1),
    hooks.keep_body("d", "{}"),
    hooks.done("d", 1, "{}", "delivered", give_up_ms=1),
    hooks.again("d", "h", "t"),
    hooks.deliveries("h", "t", 0, 1),
    hooks.signing_key("drawn"),
]


def test_every_script_has_an_operation_and_the_other_way_round() -> None:
    assert sorted(operation.name for operation in OPERATIONS) == SCRIPTS
    called = set(re.findall(r'Script\(\s*"(\w+)"', "".join(path.read_text("utf-8") for path in STORE.glob("*.py"))))
    assert called == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_opens_by_saying_what_it_does_and_answers(name: str) -> None:
    lines = (STORE / "scripts" / f"{name}.lua").read_text("utf-8").splitlines()
    head = lines[: next(n for n, line in enumerate(lines) if not line.startswith("--"))]
    assert len(head) >= 2
    assert any("Returns" in line for line in head)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_script_reads_only_arguments_that_are_described_and_sent(operation: Script[object]) -> None:
    text = (STORE / "scripts" / f"{operation.name}.lua").read_text("utf-8")
    head, _, code = text.partition("\nlocal ") if "\nlocal " in text else text.partition("\nredis")
    used = set(re.findall(r"\bargs\.(\w+)", code))
    described = set(re.findall(r"args\.(\w+)", head))
    assert used <= described
    optional = {"batch", "workflow", "idem", "replaces", "stored_ms"}
    assert used <= set(operation.args) | optional


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_names_a_state_it_moves_to(name: str) -> None:
    """Where an event leads is the table's to say; scripts set states through it."""
    text = (STORE / "scripts" / f"{name}.lua").read_text("utf-8")
    direct = re.findall(r"HSET[^\n]*'state', '(\w+)'", text)
    # Batches and deliveries are no jobs, and have states of their own.
    assert direct in ([], ["queued"]) or name.startswith(("batch_", "outbox_")), "only accept writes a first state"


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_has_every_shared_function_that_it_can_come_to_and_no_other(name: str) -> None:
    """A run makes a closure of each function in its text, so there are no more in it than are called from somewhere."""
    text = re.sub(r"--.*|'[^']*'", "", source(name))
    defined = set(re.findall(r"^local function (\w+)|^(\w+) = function", text, re.MULTILINE))
    mentioned = set(
        re.findall(r"\w+", re.sub(r"^(local function \w+|\w+ = function|local [\w, ]+$)", "", text, flags=re.MULTILINE))
    )
    for one, other in defined:
        assert (one or other) in mentioned, "nothing uses it"
    called = set(re.findall(r"(?<![.:\w])(\w+)\(", text)) - {one or other for one, other in defined}
    inner = set(re.findall(r"^ +local function (\w+)|\blocal (\w+)\b", text, re.MULTILINE))
    lua = {
        "function",
        "if",
        "while",
        "and",
        "or",
        "not",
        "return",
        "in",
        "elseif",
        "ipairs",
        "pcall",
        "pairs",
        "next",
        "type",
        "tonumber",
        "tostring",
    }
    assert called - {one or other for one, other in inner} - lua - {"unpack", "setmetatable", "visit"} == set()


def test_every_process_has_the_same_script_texts() -> None:
    """To the server another text is another script: it would keep one of each for every process that ever ran."""
    code = (
        "import hashlib, sys; from darkroom_shared.store.loading import source;"
        " print(hashlib.sha1(''.join(map(source, sys.argv[1:])).encode()).hexdigest())"
    )
    command = [sys.executable, "-c", code, *SCRIPTS]
    texts = {
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1
