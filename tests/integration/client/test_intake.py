"""The intake as a real process: any Celery producer can submit by name, repeats make no second job, refusals say everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, cast

import pytest
from celery import Celery
from celery.exceptions import CeleryError

from darkroom import Darkroom, Settings

BODY = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a secret jar"}}
STEPS = {"make": {"do": "text-image", "with": {"text": "$params.text"}}, "big": {"do": "fast-upscale"}}
FLOW = {"parameters": {"text": {"type": "text"}}, "steps": STEPS}


@pytest.fixture
def intake(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """A process that takes messages, ready."""
    told = {
        "DARKROOM_REDIS_URL": settings.redis_url,
        "DARKROOM_HOME": str(settings.home),
        "DARKROOM_BEDROCK_URL": "http://127.0.0.1:9",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "darkroom", "intake"], env={**os.environ, **told}, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "ready" not in (line := process.stderr.readline()):
        assert line, "it ended before it was ready"
    yield process
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=20)[1]
    assert process.returncode == 0
    assert "secret" not in rest, "what is asked for is nobody's business"


@pytest.fixture
def plain(settings: Settings) -> Iterator[Celery]:
    """A Celery producer that knows the broker's address and prefix, and nothing of darkroom."""
    prefix = {"global_keyprefix": f"{settings.key_prefix}celery:"}
    with Celery(broker=settings.celery_broker_url, backend=settings.celery_broker_url, set_as_current=False) as app:
        app.conf.update(broker_transport_options=prefix, result_backend_transport_options=prefix)
        yield app


def send(app: Celery, name: str, *arguments: object, task_id: str | None = None) -> dict[str, Any]:
    """What became of a task."""
    sent = app.send_task(name, args=arguments, queue="darkroom.intake", task_id=task_id)
    return cast("dict[str, Any]", sent.get(timeout=20))


def refused(app: Celery, name: str, *arguments: object) -> dict[str, Any]:
    """Why a task was refused."""
    with pytest.raises((CeleryError, Exception)) as caught:
        send(app, name, *arguments)
    assert type(caught.value).__name__ == "Refused"
    return cast("dict[str, Any]", caught.value.args[0])


@pytest.mark.usefixtures("intake")
def test_a_job_is_submitted_by_name_and_once_however_often_its_message_comes(settings: Settings, plain: Celery) -> None:
    first = send(plain, "darkroom.submit", BODY, {"model": "auto", "job_class": "bulk"}, task_id="t-1")
    again = send(plain, "darkroom.submit", BODY, {"model": "auto", "job_class": "bulk"}, task_id="t-1")
    assert again["id"] == first["id"]
    with Darkroom(settings=settings) as room:
        view = room.job(first["id"]).status()
        assert (view.job_class, view.task_type) == ("bulk", "TEXT_IMAGE")
        assert len(room.jobs()) == 1


@pytest.mark.usefixtures("intake")
def test_a_workflow_is_run_by_name_or_from_its_document(settings: Settings, plain: Celery) -> None:
    done = send(plain, "darkroom.workflow", FLOW, {"text": "a jar"}, {"model": "auto", "budget_usd": 1})
    assert list(done["steps"]) == ["make", "big"]
    named = send(plain, "darkroom.workflow", "palette-sweep", {"prompt": "a boat"})
    with Darkroom(settings=settings) as room:
        assert room.workflow(done["id"]).status().budget_usd == 1
        assert room.workflow(named["id"]).status().name == "palette-sweep@builtin"


@pytest.mark.usefixtures("intake")
def test_what_cannot_be_had_is_refused_with_every_finding(plain: Celery) -> None:
    told = refused(plain, "darkroom.submit", {"taskType": "TEXT_IMAGE", "textToImageParams": {}}, {"model": "auto"})
    assert told["code"] == "invalid_input"
    assert told["problems"][0]["pointer"] == "/textToImageParams/text"
    assert json.dumps(told)
    for arguments in (["text"], [BODY, {"finish_by": "soon"}], [BODY, {"what": 1}], [BODY, {"start_within": -1}]):
        assert refused(plain, "darkroom.submit", *arguments)["problems"]
    for arguments in (["nobody"], [FLOW, {}], [FLOW, {"text": "x"}, {"budget_usd": "1"}], [7]):
        assert refused(plain, "darkroom.workflow", *arguments)["problems"]


@pytest.mark.usefixtures("intake")
def test_a_text_from_outside_is_never_the_path_of_a_file(plain: Celery) -> None:
    told = refused(plain, "darkroom.workflow", "relight", {"photo": "/etc/passwd"})
    assert "no valid base64" in told["message"] or "not valid base64" in told["message"]
