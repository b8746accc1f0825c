"""Everything that the demo shows, asked for in Amazon's words and done by the models that AWS still offers.

The endpoint answers as AWS does: a call to a model past its end of life is refused.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pydantic import BaseModel

from darkroom import Darkroom, JobView, NoRoute, Outpainting, Settings, TextImage
from darkroom.demo.jobs import DemoJob, demo_jobs
from darkroom.demo.pictures import Samples, load_samples
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.plan.choosing import is_living
from darkroom_shared.task_types import AnyRequest
from tests.integration.client.live import stack
from tests.integration.local_bedrock.endpoints import Running, running_endpoint
from tests.support.stack import Stack
from tests.support.valkey import Server

__all__ = ["stack"]

TODAY = datetime.now(UTC).date()
DEAD = [model.id for model in MODELS.values() if not is_living(model, TODAY)]
SAMPLES: Samples = load_samples(None)
JOBS = {job.name: job for job in demo_jobs(SAMPLES)}
EQUIVALENT = {
    "text-image": ["stability.stable-image-core-v1:1"],
    "text-image-canny": ["us.stability.stable-image-control-sketch-v1:0"],
    "text-image-segmentation": ["us.stability.stable-image-control-structure-v1:0"],
    "inpainting-mask-image": ["us.stability.stable-image-inpaint-v1:0"],
    "inpainting-mask-prompt": ["us.stability.stable-image-search-replace-v1:0"],
    "object-removal": ["us.stability.stable-image-erase-object-v1:0"],
    "outpainting-precise": ["us.stability.stable-image-inpaint-v1:0"],
    "image-variation": ["stability.sd3-5-large-v1:0"],
    "background-removal": ["us.stability.stable-image-remove-background-v1:0"],
}
APPROXIMATE = {
    "outpainting-default": "us.stability.stable-image-inpaint-v1:0",
    "color-guided": "us.stability.stable-image-style-guide-v1:0",
}


@pytest.fixture(scope="module")
def bedrock() -> Iterator[Running]:
    """An endpoint that paints, with the models that AWS has today."""
    ended = [word for model in DEAD for word in ("--eol", model)]
    with running_endpoint("--quota", "off", *ended) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def live(valkey_server: Server, bedrock: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose worker waits as long as painting takes."""
    stack = Stack(valkey_server.url, bedrock, tmp_path_factory.mktemp("living"), "living:")
    with stack.worker(DARKROOM_READ_TIMEOUT="PT60S", DARKROOM_LEASE="PT20S"):
        yield stack
    stack.close()


@pytest.fixture
def settings(stack: Stack) -> Settings:
    """The client's settings; its calls may take as long as painting takes."""
    return stack.settings.model_copy(update={"bedrock_url": stack.endpoint.url})


@pytest.fixture
def room(settings: Settings) -> Iterator[Darkroom]:
    """One colour is enough: what is planned is the same in both."""
    with Darkroom(settings=settings) as room:
        yield room


def only(job: DemoJob) -> AnyRequest:
    """The one request of a demo job."""
    (step,) = job.steps
    assert not isinstance(step, BaseModel)
    return step


def pixels(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def size(view: JobView) -> set[tuple[int, int]]:
    return {(one.width, one.height) for one in view.outputs if one.role == "image"}


def test_the_demos_features_are_done_by_living_models(room: Darkroom) -> None:
    handles = {name: room.submit(only(JOBS[name]), model=JOBS[name].model, substitute="equivalent") for name in EQUIVALENT}
    handles |= {name: room.submit(only(JOBS[name]), model=JOBS[name].model, substitute="approximate") for name in APPROXIMATE}
    views = {name: handle.wait(timeout=120) for name, handle in handles.items()}
    for name, view in views.items():
        assert view.state.value == "succeeded", (name, view.error)
        assert view.fidelity == ("approximate" if name in APPROXIMATE else "equivalent"), name
        assert view.asked_model == JOBS[name].model
        assert view.model == (APPROXIMATE[name] if name in APPROXIMATE else EQUIVALENT[name][0]), name
        assert view.cost.actual_usd == view.cost.estimated_usd, name
        assert size(view) == {(512, 512)}, name
        assert bool(view.lost) or name not in APPROXIMATE
    assert len(handles["text-image"].images()) == 2
    assert len(handles["image-variation"].images()) == 2

    masked = pixels(SAMPLES.frame_mask.data)[..., 0] == 0
    precise, before = pixels(handles["outpainting-precise"].images()[0]), pixels(SAMPLES.still_life.data)
    assert (precise[masked] == before[masked]).all()
    assert (precise[~masked] != before[~masked]).any(axis=-1).mean() > 0.8

    spoon = pixels(SAMPLES.thing_mask.data)[..., 0] == 0
    painted = pixels(handles["inpainting-mask-image"].images()[0])
    changed = (np.abs(painted.astype(int) - before.astype(int)).max(axis=-1)) > 8
    assert changed[spoon].mean() > 0.3
    assert changed[~spoon].mean() < 0.1

    cut = Image.open(io.BytesIO(handles["background-removal"].images()[0]))
    assert cut.mode == "RGBA"
    assert cut.getchannel("A").getextrema() == (0, 255)


def test_what_no_living_model_does_is_refused_before_it_costs(room: Darkroom) -> None:
    with pytest.raises(NoRoute, match="VIRTUAL_TRY_ON"):
        room.submit(only(JOBS["virtual-try-on"]), model="auto", substitute="approximate")
    with pytest.raises(NoRoute, match="it is approximate"):
        room.submit(only(JOBS["color-guided"]), model="auto", substitute="equivalent")


def test_chains_run_on_living_models_with_their_glue(room: Darkroom) -> None:
    for name, count in (("zoom-out", 1), ("chain", 3)):
        job = JOBS[name]
        flow = room.chain(*job.steps, image=job.photo.data if job.photo else None, model=job.model, substitute="equivalent")
        view = flow.wait(timeout=180)
        assert view.state.value == "succeeded", [step.error for step in view.steps]
        assert len(flow.images()) == count
        assert all(step.kind == "local" or step.fidelity == "equivalent" for step in view.steps)


def test_each_call_of_a_job_has_its_own_seed_and_picture(room: Darkroom) -> None:
    handle = room.submit(TextImage("a red sailboat", seed=7, number_of_images=3, width=640, height=384), model="auto")
    view = handle.wait(timeout=120)
    images = [one for one in view.outputs if one.role == "image"]
    assert [(one.index, one.seed, one.width, one.height) for one in images] == [(n, 7 + n, 640, 384) for n in range(3)]
    assert len({one.sha256 for one in images}) == 3
    assert len(view.calls) == 3
    originals = [one for one in view.outputs if one.role == "original"]
    assert {(one.width, one.height) for one in originals} != {(640, 384)}
    assert [one.index for one in originals] == [0, 1, 2]


def test_a_subject_named_in_words_is_two_paid_steps_behind_one_job(room: Darkroom) -> None:
    request = Outpainting(SAMPLES.portrait.data, "a beach", mask_prompt="the astronaut", seed=5)
    handle = room.submit(request, model="auto", substitute="approximate", idempotency_key="beach")
    view = handle.wait(timeout=120)
    assert (view.state.value, view.step) == ("succeeded", "outpainting")
    steps = room.workflow(view.workflow).status().steps
    assert [step.task_type for step in steps] == ["REMOVE_BACKGROUND", "OUTPAINTING"]
    again = room.submit(request, model="auto", substitute="approximate", idempotency_key="beach")
    assert (again.id, again.replayed) == (handle.id, True)
