"""The commands for what waits for a person, as that person types them: dead letters, held calls, and what is decided about them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Unpack
from urllib.parse import urlsplit

import pytest

from darkroom import Darkroom, JobHandle, Settings, SubmitOptions, TextImage
from darkroom_shared.store.operation import Command
from darkroom_shared.store.redis import Ledger
from tests.acceptance.conftest import RunningStack
from tests.acceptance.running import CommandLine
from tests.support.bodies import b64, picture

NOBODY = "job_" + "0" * 26
SECRET = "a secret red boat"
Faults = Callable[..., None]


@pytest.fixture(scope="module")
def room(stack: RunningStack) -> Iterator[Darkroom]:
    """The client, for what comes before and after the commands: a command takes a second."""
    told = stack.announced
    settings = Settings(redis_url=told["redis_url"], assets_url=told["assets_url"], bedrock_url=told["bedrock_url"], quotas="off")
    with Darkroom(settings=settings) as room:
        yield room


@pytest.fixture
def faults(stack: RunningStack, room: Darkroom) -> Iterator[Faults]:
    """Replaces the endpoint's faults. In the end there are none, and nobody waits for a decision any more."""
    address = urlsplit(stack.announced["bedrock_url"])

    def put(*specs: str) -> None:
        connection = HTTPConnection(address.hostname or "", address.port, timeout=10)
        connection.request("PUT", "/_darkroom/faults", json.dumps(specs))
        assert connection.getresponse().status == 200
        connection.close()

    yield put
    put()
    for view in room.held():
        room.cancel(view.id)
    for view in room.dead_letters():
        room.discard(view.id)


def boat(room: Darkroom, **options: Unpack[SubmitOptions]) -> JobHandle:
    return room.submit(TextImage(SECRET, width=512, height=512), **options)


def gave_up(room: Darkroom, faults: Faults, **options: Unpack[SubmitOptions]) -> str:
    """The id of a job that failed."""
    faults("error=AccessDeniedException:count=1")
    job = boat(room, **options)
    assert job.wait(60).state == "failed"
    return job.id


def until(job: JobHandle, kind: str) -> str:
    """Waits for an event of a job; its id."""
    assert any(event.type == kind for event in job.events(timeout=60))
    return job.id


def held_job(room: Darkroom, faults: Faults) -> str:
    """The id of a job whose call went out and came to nothing."""
    faults("reset:count=1")
    return until(boat(room, on_unknown="hold"), "call.hold")


def test_a_dead_letter_is_listed_and_shown_without_its_prompt(darkroom: CommandLine, room: Darkroom, faults: Faults) -> None:
    identity = gave_up(room, faults, tenant="blue")
    for command in (("dead-letters",), ("dead-letters", "list", "--tenant", "blue")):
        done = darkroom(*command)
        assert (done.code, done.out.splitlines()[0].split()) == (0, ["id", "does", "why", "attempts", "ended", "paid"])
        row = done.out.splitlines()[1]
        assert re.fullmatch(rf"{identity} +text image +model_access_denied +1 +\d+ s ago +\$0 *", row)
        assert "darkroom dead-letters show ID" in done.err
    nobody = darkroom("dead-letters", "--tenant", "red")
    assert (nobody.code, nobody.out, nobody.err) == (0, "", "There are no dead letters.\n")
    done = darkroom("dead-letters", "show", identity)
    told = dict(re.findall(r"^ *([a-z]+(?: [a-z0-9]+)?) {2,}(\S.*?) *$", done.out, re.MULTILINE))
    assert told["state"] == "failed (model_access_denied)"
    assert told["attempt 1"].endswith("billed: no")
    assert (told["region"], told["tenant"], told["paid"]) == ("us-east-1", "blue", "$0")
    assert re.search(r"request id +[0-9a-f-]{36} *$", done.out, re.MULTILINE)
    assert "(AccessDeniedException, HTTP 403)" in done.out
    assert "secret" not in done.out + done.err
    assert SECRET in darkroom("dead-letters", "show", identity, "--request").out


def test_the_documents_hold_every_attempt_and_the_prompt_only_if_asked_for(
    darkroom: CommandLine, room: Darkroom, faults: Faults
) -> None:
    identity = gave_up(room, faults)
    [listed] = darkroom("dead-letters", "--json").json["dead_letters"]
    shown = darkroom("dead-letters", "show", identity, "--json").json
    assert shown == listed
    assert "request" not in shown
    [attempt] = shown["calls"][0]["attempts"]
    known = {name: attempt[name] for name in ("attempt", "region", "outcome", "billed")}
    assert known == {"attempt": 1, "region": "us-east-1", "outcome": "failed", "billed": False}
    assert attempt["worker"]
    assert attempt["request_id"] == attempt["failure"]["request_id"]
    whole = darkroom("dead-letters", "show", identity, "--request", "--json").json
    assert whole["request"]["textToImageParams"] == {"text": SECRET}
    assert {name: value for name, value in whole.items() if name != "request"} == shown


def test_a_replay_with_changes_is_a_new_job_that_is_linked_to_the_old_one(
    darkroom: CommandLine, room: Darkroom, faults: Faults, tmp_path: Path
) -> None:
    old = gave_up(room, faults, tenant="blue", job_class="bulk", metadata={"order": "7"})
    (tmp_path / "patch.json").write_text('{"imageGenerationConfig": {"seed": 5, "width": 768}, "textToImageParams": {"text": "x"}}')
    change = ("--merge", "patch.json", "--set", "textToImageParams.text=a blue boat", "--set", "/imageGenerationConfig/height=768")
    done = darkroom("dead-letters", "replay", old, *change, "--save", "again", "--json")
    assert (done.code, done.json["state"], done.json["replays"]) == (0, "succeeded", old), done.err
    assert done.json["request"] == {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "a blue boat"},
        "imageGenerationConfig": {"width": 768, "height": 768, "seed": 5},
    }
    assert (done.json["tenant"], done.json["job_class"], done.json["metadata"]) == ("blue", "bulk", {"order": "7"})
    assert (tmp_path / "again" / "0.png").exists()
    again = done.json["id"]
    assert room.job(old).status().replaced_by == again
    assert re.search(rf"replayed as +{again}", darkroom("dead-letters", "show", old).out)
    assert re.search(rf"replays +{old}", darkroom("dead-letters", "show", again).out)
    refused = darkroom("dead-letters", "replay", old, "--json")
    assert (refused.code, refused.json["error"]["code"], again in refused.err) == (2, "nothing_to_decide", True)


def test_a_replay_prints_nothing_but_the_new_id(darkroom: CommandLine, room: Darkroom, faults: Faults) -> None:
    old = gave_up(room, faults)
    done = darkroom(
        "dead-letters", "replay", old, "--merge", "-", "--class", "interactive", given='{"imageGenerationConfig": null}'
    )
    assert done.code == 0, done.err
    assert re.fullmatch(r"job_\w{26}\n", done.out)
    view = room.job(done.out.strip()).wait(60)
    assert (view.state, view.job_class, "imageGenerationConfig" in view.request) == ("succeeded", "interactive", False)


def test_a_replay_that_is_refused_keeps_the_dead_letter(darkroom: CommandLine, room: Darkroom, faults: Faults) -> None:
    old = gave_up(room, faults)
    refused = darkroom("dead-letters", "replay", old, "--set", "imageGenerationConfig.width=100", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "invalid_input")
    assert {problem["pointer"] for problem in refused.json["error"]["problems"]} == {"/imageGenerationConfig/width"}
    for wrong in (("--set", "width"), ("--merge", "nowhere.json")):
        done = darkroom("dead-letters", "replay", old, *wrong)
        assert (done.code, done.out, wrong[1] in done.err) == (2, "", True)
    assert [view.id for view in room.dead_letters()] == [old]


def test_several_dead_letters_are_discarded_at_once_and_what_is_none_is_told(
    darkroom: CommandLine, room: Darkroom, faults: Faults
) -> None:
    first, second = (gave_up(room, faults) for _ in range(2))
    done = darkroom("dead-letters", "discard", first, NOBODY, second)
    assert (done.code, done.out.split()) == (2, [first, second])
    assert NOBODY in done.err
    again = darkroom("dead-letters", "discard", second, "--json")
    assert (again.code, again.json["discarded"]) == (2, [])
    [refused] = again.json["refused"]
    assert (refused["id"], refused["error"]["code"]) == (second, "nothing_to_decide")
    assert "discarded" in refused["error"]["message"]
    assert room.dead_letters() == []
    assert re.search(r"discarded +20\d\d-", darkroom("dead-letters", "show", first).out)


def test_a_held_call_is_listed_and_called_once_more(darkroom: CommandLine, room: Darkroom, faults: Faults) -> None:
    none = darkroom("held")
    assert (none.code, none.out, none.err) == (0, "", "No call is held.\n")
    faults("reset:count=1")
    identity = darkroom("submit", "text-image", SECRET, "--width", "512", "--height", "512", "--on-unknown", "hold").out.strip()
    until(room.job(identity), "call.hold")
    done = darkroom("held")
    assert done.out.splitlines()[0].split() == ["id", "does", "held", "attempts", "called", "paid"]
    assert re.fullmatch(rf"{identity} +text image +1 of 1 +1 +\d+ s ago +\$0 \+ \$0\.04\? *", done.out.splitlines()[1])
    assert "darkroom resolve ID" in done.err
    [listed] = darkroom("held", "--json").json["held"]
    assert (listed["id"], listed["state"], listed["reason"], "request" in listed) == (identity, "running", "unknown_outcome", False)
    assert re.search(r"attempt 1 +unknown after .* billed: unknown", darkroom("dead-letters", "show", identity).out)
    resolved = darkroom("resolve", identity, "retry", "--not-billed")
    assert (resolved.code, resolved.out) == (0, f"{identity}.0\n")
    assert f"darkroom watch {identity}" in resolved.err
    cost = room.job(identity).result(60).cost
    assert (cost.actual_usd, cost.uncertain_usd) == (0.04, 0)
    late = darkroom("resolve", identity, "retry", "--json")
    assert (late.code, late.json["error"]["code"]) == (2, "nothing_to_decide")


def test_a_held_call_is_given_up_and_waits_as_a_dead_letter(darkroom: CommandLine, room: Darkroom, faults: Faults) -> None:
    identity = held_job(room, faults)
    done = darkroom("resolve", identity, "give-up", "--billed", "--json")
    assert (done.code, done.json) == (0, {"id": identity, "decision": "give-up", "calls": [f"{identity}.0"], "state": "failed"})
    [letter] = room.dead_letters()
    assert (letter.id, letter.cost.actual_usd, letter.cost.uncertain_usd) == (identity, 0.04, 0)


def test_an_answer_that_was_found_is_handed_over(darkroom: CommandLine, room: Darkroom, faults: Faults, tmp_path: Path) -> None:
    identity = held_job(room, faults)
    (tmp_path / "junk.json").write_text('{"images": []}')
    junk = darkroom("resolve", identity, "--answer", "junk.json", "--json")
    assert (junk.code, junk.json["error"]["problems"][0]["pointer"]) == (2, "/answer")
    data = picture(64, 64)
    answer = json.dumps({"images": [b64(data)]})
    done = darkroom("resolve", identity, "--answer", "-", given=answer)
    assert (done.code, done.out) == (0, f"{identity}.0\n"), done.err
    room.job(identity).result(60)
    assert room.job(identity).images() == [data]
    assert "found later" in darkroom("dead-letters", "show", identity).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("resolve", NOBODY), "--answer FILE"),
        (("resolve", NOBODY, "--answer", "x.json", "--billed"), "--billed"),
        (("resolve", NOBODY, "--answer", "nowhere.json"), "nowhere.json"),
        (("resolve", NOBODY, "perhaps"), "give-up"),
        (("resolve", NOBODY, "retry"), NOBODY),
        (("dead-letters", "show", "wf_42"), "no job id"),
        (("dead-letters", "replay", NOBODY), NOBODY),
        (("dead-letters", "discard"), "ID"),
        (("dead-letters", "--limit", "3", "show", NOBODY), "behind the command"),
        (("submit", "text-image", "x", "--on-unknown", "perhaps"), "hold"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else None,
)
def test_what_makes_no_sense_ends_with_2_and_a_sentence(darkroom: CommandLine, arguments: tuple[str, ...], said: str) -> None:
    done = darkroom(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_succeeded_job_is_no_dead_letter_but_can_be_shown(darkroom: CommandLine, room: Darkroom) -> None:
    identity = boat(room).result(60).id
    done = darkroom("dead-letters", "discard", identity)
    assert (done.code, "it is succeeded" in done.err) == (2, True)
    shown = darkroom("dead-letters", "show", identity)
    assert (shown.code, "answered after" in shown.out, "billed: yes" in shown.out) == (0, True, True)


def test_cancel_with_discard_wants_no_picture_of_a_paid_call(darkroom: CommandLine, room: Darkroom, faults: Faults) -> None:
    faults("slow=6:count=1")
    identity = until(boat(room), "call.gate")
    done = darkroom("cancel", identity, "--discard")
    assert (done.code, done.out, "its result is not kept" in done.err) == (0, "detached\n", True)
    view = room.job(identity).wait(30)
    assert (view.state, view.outputs, view.cost.actual_usd) == ("canceled", (), 0.04)


def test_canceling_a_held_job_says_what_it_may_have_cost(darkroom: CommandLine, room: Darkroom, faults: Faults) -> None:
    identity = held_job(room, faults)
    done = darkroom("cancel", identity)
    assert (done.code, done.out) == (0, "prevented\n")
    assert "$0 + $0.04?" in done.err
    assert room.held() == []


def test_the_doctor_tells_what_waits_for_a_person(darkroom: CommandLine, room: Darkroom, faults: Faults) -> None:
    def checks(**environment: str) -> dict[str, tuple[str, str, str]]:
        done = CommandLine({**darkroom.environment, **environment}, darkroom.folder)("doctor", "--json")
        assert done.code == 0, done.out
        return {check["check"]: (check["level"], check["found"], check["mend"]) for check in done.json["checks"]}

    told = checks()
    assert told["dead letters"] == told["held calls"] == ("ok", "none", "")
    assert told["reconciler"][0] == "ok"
    assert "spending" not in told
    held_job(room, faults)
    gave_up(room, faults)
    told = checks(DARKROOM_SPEND_PER_DAY="0.01", DARKROOM_RECONCILE="0.001")
    assert told["dead letters"][:2] == ("warn", "1 job gave up and waits for a person")
    assert told["held calls"][:2] == ("warn", "1 call waits for a decision")
    assert told["spending"][0] == "warn", "this one is over its limit"
    assert re.fullmatch(r"\$[\d.]+ of \$0.01 since midnight UTC", told["spending"][1])
    assert (told["reconciler"][0], "maintenance_failed" in told["reconciler"][2]) == ("warn", True)


def test_the_help_names_the_commands(alone: CommandLine) -> None:
    told = alone("--help").out
    assert all(f"  {command} " in told for command in ("dead-letters", "held", "resolve"))
    group = alone("dead-letters", "--help").out
    assert all(f"  {command} " in group for command in ("list", "show", "replay", "discard"))
    assert "--on-unknown" in alone("chain", "--help").out


def test_without_a_worker_the_doctor_says_that_nobody_reconciles(alone: CommandLine, stack: RunningStack) -> None:
    """A ledger of its own on the stack's server, looked at once long ago."""
    with Ledger(stack.announced["redis_url"], "old:") as ledger:
        ledger.run(Command(lambda keys: ("SET", keys.reconciled, 1), lambda raw: raw))
        done = alone("doctor", "--json", DARKROOM_REDIS_URL=stack.announced["redis_url"], DARKROOM_KEY_PREFIX="old:")
        ledger.run(Command(lambda keys: ("DEL", keys.reconciled), lambda raw: raw))
    [check] = [check for check in done.json["checks"] if check["check"] == "reconciler"]
    assert (done.code, check["level"]) == (1, "warn")
    assert "darkroom worker" in check["mend"]
