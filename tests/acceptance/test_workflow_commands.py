"""`darkroom workflow` and `darkroom batch` as commands: decide at a gate, go on, fork, what is wrong, and the tree."""

from __future__ import annotations

import json
from pathlib import Path

from tests.acceptance.running import CommandLine

FLOW = """
name: pick
model: auto
steps:
  make: {do: text-image, with: {text: a jar, count: 2, seed: 11}}
  pick: {approve: {choose: 1, question: "Which one?"}}
  small: {step: {kind: resize, width: 64, height: 64}}
  never: {step: {kind: resize, width: 32, height: 32}, needs: [pick], when: $steps.pick.width < 2}
"""


def asked(darkroom: CommandLine, identity: str) -> str:
    """The token of the gate, once it is asked."""
    for _ in range(100):
        [gate] = darkroom("workflow", "gates", identity, "--json").json["gates"]
        if gate["is_asked"]:
            return str(gate["token"])
        darkroom("watch", identity, "--timeout", "0.5s")
    raise AssertionError("the gate was never asked")


def test_a_person_decides_from_the_command_line(darkroom: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "pick.yaml"
    file.write_text(FLOW)
    saved = darkroom("workflow", "save", str(file))
    assert (saved.code, saved.out) == (0, "pick@1\n"), saved.err
    assert "  make:\n" in darkroom("workflow", "show", "pick").out
    identity = darkroom("workflow", "run", "pick@1", "--json").json["id"]
    token = asked(darkroom, identity)
    assert "Which one?" in darkroom("workflow", "gates", identity).out
    wrong = darkroom("workflow", "approve", token, "--choose", "5")
    assert (wrong.code, "/choose" in wrong.err) == (2, True)
    assert darkroom("workflow", "approve", token, "--choose", "1", "--by", "ann").code == 0
    watched = darkroom("watch", identity, "--timeout", "60s")
    assert watched.code == 0
    tree = watched.out.splitlines()
    assert tree[0].startswith(f"workflow pick@1 {identity}: succeeded")
    assert [line.split()[0] for line in tree[2:4]] == ["make", "└"]
    assert "canceled (skipped)" in watched.out
    nothing = darkroom("workflow", "resume", identity)
    assert (nothing.code, "Nothing is missing" in nothing.err) == (2, True)

    fork = darkroom("workflow", "fork", identity, "--after", "make", "--json").json
    assert fork["forked_from"] == identity
    assert darkroom("workflow", "reject", asked(darkroom, fork["id"]), "--note", "neither").code == 0
    again = darkroom("workflow", "resume", fork["id"], "--json").json
    assert again["id"] == fork["id"]
    assert darkroom("workflow", "approve", fork["id"], "pick", "--choose", "0").code == 0
    done = darkroom("status", fork["id"], "--json").json
    assert done["name"] == "pick@1"


def test_everything_wrong_with_a_document_is_told_before_anything_is_submitted(darkroom: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("steps:\n  a: {do: text-image, with: {txt: x}, when: $steps.b.passed}\n  c: {do: paint}\n")
    refused = darkroom("workflow", "run", str(file))
    assert refused.code == 2
    for where in ("/steps/a", "/steps/a/with/txt", "/steps/c/do"):
        assert where in refused.err
    assert darkroom("workflow", "run", str(tmp_path / "none.yaml")).code == 2
    assert "there is no workflow 'nobody'" in darkroom("workflow", "plan", "nobody").err
    assert "is no NAME=VALUE" in darkroom("workflow", "plan", "relight", "-p", "photo").err


def test_a_batch_from_the_command_line(darkroom: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [
        {"custom_id": f"n{number}", "taskType": "TEXT_IMAGE", "textToImageParams": {"text": f"jar {number}"}} for number in range(3)
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    done = darkroom("batch", "run", str(file), "--model", "auto", "--wait", "--json").json
    assert (done["outcome"], done["total"]) == ("all_succeeded", 3)
    lines = [json.loads(line) for line in darkroom("batch", "results", done["id"]).out.splitlines()]
    assert [line["custom_id"] for line in lines] == ["n0", "n1", "n2"]
    assert darkroom("batch", "results", done["id"], "--errors").out == ""
    assert darkroom("batch", "status", done["id"], "--json").json["outcome"] == "all_succeeded"
    assert darkroom("batch", "cancel", done["id"]).out == "finished\n"
    assert "gave results" in darkroom("batch", "retry-failed", done["id"]).err
    assert darkroom("batch", "wait", done["id"], "--save", str(tmp_path / "saved")).code == 0
    assert (tmp_path / "saved" / "results.jsonl").is_file()
    file.write_text('{"taskType": "TEXT_IMAGE"}\nno json\n')
    refused = darkroom("batch", "run", str(file), "--model", "auto")
    assert refused.code == 2
    assert "line 2: this is no JSON" in refused.err
