"""Scenes, controls, styles and upscales of the native tasks do what their dials say, measured on pixels."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from darkroom_shared.task_types.values import AspectRatio, StylePreset
from darkroom_worker.local_bedrock.engine import PREVIEW_NOTE, CannotRender
from darkroom_worker.local_bedrock.engine.oklab import to_lab
from darkroom_worker.local_bedrock.engine.stability.control import is_drawing
from darkroom_worker.local_bedrock.engine.stability.text_image import weighted_prompts
from darkroom_worker.local_bedrock.sizes import ASPECT_RATIOS, UPSCALE_PIXELS, upscaled_size
from tests.unit.engine.scenes import house_sketch

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Studio

Pixels = NDArray[np.uint8]


def apart(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def edges(pixels: Pixels) -> NDArray[np.float64]:
    grey = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    strength = np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))
    return np.asarray(cv2.GaussianBlur(strength, (0, 0), 2), dtype=np.float64)


def alike(one: Pixels, other: Pixels) -> float:
    """Correlation of the edges of two pictures."""
    return float(np.corrcoef(edges(one).ravel(), edges(other).ravel())[0, 1])


def palette_gap(one: Pixels, other: Pixels) -> float:
    """How far mean and spread of the OKLab colours of two pictures lie apart."""
    first, second = to_lab(one).reshape(-1, 3), to_lab(other).reshape(-1, 3)
    return float(np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)) + np.linalg.norm(first.std(axis=0) - second.std(axis=0)))


def test_every_aspect_ratio_has_a_size_of_about_a_megapixel_in_steps_of_64() -> None:
    assert set(ASPECT_RATIOS) == set(get_args(AspectRatio))
    for name, (width, height) in ASPECT_RATIOS.items():
        across, down = (int(part) for part in name.split(":"))
        assert (width % 64, height % 64) == (0, 0)
        assert 900_000 < width * height < 1_100_000
        assert abs(width / height / (across / down) - 1) < 0.06
        assert 640 <= min(width, height) <= max(width, height) <= 1536


@pytest.mark.parametrize("ratio", ["16:9", "9:21"])
def test_a_picture_from_words_has_the_size_of_its_aspect_ratio(studio: Studio, ratio: str) -> None:
    pixels = studio.pixels(studio.native("STABLE_IMAGE", prompt="abstract colours", aspect_ratio=ratio))
    assert pixels.shape[1::-1] == ASPECT_RATIOS[ratio]


def test_strength_leads_from_the_image_to_the_scene_without_a_step_back(studio: Studio) -> None:
    rocket = studio.photo("rocket.jpg", 384, 256)
    before = studio.pixels(rocket)

    def drawn(strength: float, image: bytes = rocket) -> Pixels:
        return studio.pixels(studio.native("STABLE_IMAGE", {"image": image}, prompt="a meadow at noon", strength=strength))

    distances = [apart(before, drawn(strength)) for strength in (0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0)]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[-1] > distances[1] + 20
    assert np.array_equal(drawn(1.0), drawn(1.0, studio.photo("coffee.png", 384, 256)))


def test_sdxls_image_strength_runs_the_other_way(studio: Studio, coffee: bytes) -> None:
    def drawn(strength: float) -> Pixels:
        prompts = [{"text": "a meadow at noon"}]
        return studio.pixels(studio.native("SDXL_IMAGE", {"init_image": coffee}, text_prompts=prompts, image_strength=strength))

    before = studio.pixels(coffee)
    assert np.array_equal(drawn(1.0), before)
    assert 0 < apart(before, drawn(0.9)) < apart(before, drawn(0.5)) < apart(before, drawn(0.0))


@pytest.mark.parametrize(("source", "inside", "outside"), [("MASK_IMAGE_WHITE", 255, 0), ("MASK_IMAGE_BLACK", 0, 255)])
def test_sdxls_mask_source_says_which_colour_is_changed(
    studio: Studio, coffee: bytes, source: str, inside: int, outside: int
) -> None:
    box = (100, 60, 300, 200)
    images = {"init_image": coffee, "mask_image": studio.rectangle((384, 256), box, inside, outside)}
    drawn = studio.native("SDXL_IMAGE", images, text_prompts=[{"text": "a sea at night"}], mask_source=source, image_strength=0.1)
    same = (studio.pixels(drawn) == studio.pixels(coffee)).all(axis=2)
    kept = np.ones((256, 384), bool)
    kept[box[1] : box[3], box[0] : box[2]] = False
    assert same[kept].all()
    assert same[~kept].mean() < 0.1


def test_sdxls_prompts_are_ordered_by_weight_and_negative_ones_avoided() -> None:
    prompts = [{"text": "b", "weight": 0.4}, {"text": "a"}, {"text": "never", "weight": -0.5}, {"text": "no", "weight": 0}]
    assert weighted_prompts(prompts) == ("a, b", "never")


def test_sdxls_negative_prompt_takes_its_words_out(studio: Studio) -> None:
    def drawn(*prompts: Mapping[str, object]) -> bytes:
        return studio.native("SDXL_IMAGE", text_prompts=list(prompts), width=640, height=1536)

    boat, unwanted = {"text": "a red sailboat on the sea"}, {"text": "red sailboat", "weight": -1.0}
    red = [int((p[..., 0].astype(int) - p[..., 2] > 80).sum()) for p in map(studio.pixels, (drawn(boat), drawn(boat, unwanted)))]
    assert red[0] > 4 * red[1] + 500


def test_every_style_preset_looks_different(studio: Studio) -> None:
    hole = studio.rectangle((320, 320), (0, 0, 320, 320), 255, 0)
    base = studio.photo("chelsea.png", 320, 320)

    def drawn(**style: str) -> Pixels:
        return studio.pixels(studio.native("STABLE_INPAINT", {"image": base, "mask": hole}, prompt="a castle by a lake", **style))

    plain = drawn()
    styled = {name: drawn(style_preset=name) for name in get_args(StylePreset)}
    assert len({picture.tobytes() for picture in styled.values()}) == len(styled)
    assert {name for name, picture in styled.items() if apart(plain, picture) < 2} == set()


def test_a_drawing_keeps_its_lines_and_its_shapes_are_filled(studio: Studio) -> None:
    sketch = studio.png(house_sketch().resize((512, 384), Image.Resampling.LANCZOS))
    assert is_drawing(studio.pixels(sketch))
    after = studio.pixels(studio.native("CONTROL_SKETCH", {"image": sketch}, prompt="a red house in a green meadow"))
    assert after.shape == (384, 512, 3)
    ink = studio.pixels(sketch, "L") < 90
    assert after[ink].mean() < 110
    wall, meadow = after[280:300, 180:220].reshape(-1, 3).mean(axis=0), after[330:370, 20:100].reshape(-1, 3).mean(axis=0)
    assert wall[0] > wall[1] + 40
    assert meadow[1] > meadow[0]


@pytest.mark.parametrize(("task", "least"), [("CONTROL_SKETCH", 0.6), ("CONTROL_STRUCTURE", 0.4)])
def test_control_keeps_the_structure_of_the_image_at_its_size(studio: Studio, cat: bytes, task: str, least: float) -> None:
    def kept(strength: float) -> float:
        drawn = studio.native(task, {"image": cat}, prompt="a bronze statue in a garden", control_strength=strength)
        return alike(studio.pixels(cat), studio.pixels(drawn))

    assert kept(1.0) > least
    assert kept(0.0) < kept(1.0) - 0.3


def test_a_style_guide_gives_a_new_scene_whose_palette_nears_the_images(studio: Studio, coffee: bytes) -> None:
    like = studio.pixels(coffee)
    gaps: list[float] = []
    for fidelity in (0.0, 0.5, 1.0):
        drawn = studio.pixels(studio.native("STYLE_GUIDE", {"image": coffee}, prompt="a sea at noon", fidelity=fidelity))
        assert drawn.shape == (1024, 1024, 3)
        gaps.append(palette_gap(drawn, like))
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.06


@pytest.fixture(scope="session")
def night(studio: Studio) -> bytes:
    return studio.photo("rocket.jpg", 384, 256)


def transferred(studio: Studio, init: bytes, style: bytes, **dials: float) -> Pixels:
    return studio.pixels(studio.native("STYLE_TRANSFER", {"init_image": init, "style_image": style}, **dials))


def test_style_strength_brings_the_palette_nearer_to_the_style(studio: Studio, cat: bytes, night: bytes) -> None:
    like = studio.pixels(night)
    gaps = [palette_gap(transferred(studio, cat, night, style_strength=dial), like) for dial in (0.0, 0.5, 1.0)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < gaps[0] / 2


def test_composition_stays_and_loosens_with_lower_fidelity(studio: Studio, cat: bytes, night: bytes) -> None:
    before = studio.pixels(cat)
    kept = [alike(before, transferred(studio, cat, night, composition_fidelity=dial)) for dial in (1.0, 0.5, 0.0)]
    assert kept[0] > 0.9
    assert kept[0] > kept[1] > kept[2]


def test_change_strength_lets_more_of_the_style_through(studio: Studio, cat: bytes, night: bytes) -> None:
    before = studio.pixels(cat)
    moved = [apart(before, transferred(studio, cat, night, change_strength=dial)) for dial in (0.1, 0.5, 1.0)]
    assert 0 < moved[0] < moved[1] < moved[2]


def test_a_style_transfer_has_the_init_images_size(studio: Studio, cat: bytes) -> None:
    style = studio.photo("coffee.png", 200, 300)
    assert transferred(studio, cat, style).shape == studio.pixels(cat).shape


def small_again(pixels: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def test_a_fast_upscale_is_four_times_as_large_and_shows_the_same(studio: Studio) -> None:
    photo = studio.photo("chelsea.png", 203, 101)
    before, after = studio.pixels(photo), studio.pixels(studio.native("FAST_UPSCALE", {"image": photo}))
    assert after.shape == (404, 812, 3)
    assert apart(before, small_again(after, 203, 101)) < 3


@pytest.mark.parametrize(("task", "most"), [("CONSERVATIVE_UPSCALE", 3.0), ("CREATIVE_UPSCALE", 4.0)])
def test_an_upscale_to_4k_keeps_the_content(studio: Studio, cat: bytes, task: str, most: float) -> None:
    before, after = studio.pixels(cat), studio.pixels(studio.native(task, {"image": cat}, prompt="a cat"))
    assert after.shape[1::-1] == upscaled_size(384, 256)
    assert apart(before, small_again(after, 384, 256)) < most


def test_a_creative_upscale_adds_detail_and_more_of_it_with_creativity(studio: Studio) -> None:
    photo = studio.photo("chelsea.png", 256, 256)

    def fineness(task: str, creativity: float) -> float:
        pixels = studio.pixels(studio.native(task, {"image": photo}, prompt="a cat", creativity=creativity)).astype(np.float32)
        return float(np.abs(pixels - cv2.GaussianBlur(pixels, (0, 0), 2)).mean())

    conservative, low, high = (
        fineness("CONSERVATIVE_UPSCALE", 0.3),
        fineness("CREATIVE_UPSCALE", 0.1),
        fineness("CREATIVE_UPSCALE", 0.5),
    )
    assert conservative < fineness("CREATIVE_UPSCALE", 0.3)
    assert low < high


@pytest.mark.parametrize("size", [(64, 64), (1024, 1024), (4096, 16), (500, 200), (3000, 3000), (9_437_184 // 64, 64)])
def test_a_4k_upscale_keeps_the_proportion_and_its_bounds(size: tuple[int, int]) -> None:
    width, height = upscaled_size(*size)
    assert width * height <= max(UPSCALE_PIXELS, size[0] * size[1])
    assert width >= size[0]
    assert height >= size[1]
    assert width / size[0] == pytest.approx(height / size[1], abs=1 / min(size))


FORMATS = [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP"), ("JPEG", "JPEG"), (None, "PNG")]


@pytest.mark.parametrize(("asked", "found"), FORMATS)
def test_a_picture_is_a_file_of_the_asked_format_and_names_its_origin(studio: Studio, cat: bytes, asked: str, found: str) -> None:
    body = {} if asked is None else {"output_format": asked}
    with Image.open(io.BytesIO(studio.native("FAST_UPSCALE", {"image": cat}, **body))) as image:
        assert (image.format, image.size) == (found, (1536, 1024))
        origin = image.info.get("Software") if found == "PNG" else image.getexif().get(0x0131)
    assert origin == PREVIEW_NOTE


@pytest.mark.parametrize(("asked", "mode"), [("png", "RGBA"), ("webp", "RGBA"), ("jpeg", "RGB")])
def test_a_cut_out_has_alpha_where_the_format_can_hold_it(studio: Studio, astronaut: bytes, asked: str, mode: str) -> None:
    with Image.open(io.BytesIO(studio.native("REMOVE_BACKGROUND", {"image": astronaut}, output_format=asked))) as image:
        assert (image.mode, image.size) == (mode, (320, 320))
        corner = image.getpixel((70, 5))
    assert isinstance(corner, tuple)
    assert corner[3] < 40 if mode == "RGBA" else min(corner) > 225


SEEDED = [
    ("STABLE_IMAGE", (), {"prompt": "a lake"}),
    ("STABLE_IMAGE", ("image",), {"prompt": "a lake", "strength": 0.6}),
    ("SDXL_IMAGE", (), {"text_prompts": [{"text": "a lake"}]}),
    ("STABLE_INPAINT", ("image", "mask"), {"prompt": "a forest"}),
    ("STABLE_OUTPAINT", ("image",), {"right": 60, "prompt": "a forest", "creativity": 0.9}),
    ("ERASE_OBJECT", ("image", "mask"), {}),
    ("SEARCH_AND_REPLACE", ("image",), {"search_prompt": "cup", "prompt": "a forest"}),
    ("CONTROL_SKETCH", ("image",), {"prompt": "a forest"}),
    ("CONTROL_STRUCTURE", ("image",), {"prompt": "a forest"}),
    ("STYLE_GUIDE", ("image",), {"prompt": "a forest"}),
    ("STYLE_TRANSFER", ("init_image", "style_image"), {"composition_fidelity": 0.5}),
    ("CREATIVE_UPSCALE", ("image",), {"prompt": "a forest"}),
]


@pytest.mark.parametrize(("task", "places", "body"), SEEDED, ids=[f"{task} {' '.join(places)}" for task, places, _ in SEEDED])
def test_a_seed_gives_the_same_bytes_again_and_another_seed_others(
    studio: Studio, coffee: bytes, task: str, places: tuple[str, ...], body: dict[str, object]
) -> None:
    images = {name: studio.rectangle((384, 256), (140, 80, 230, 160), 255, 0) if name == "mask" else coffee for name in places}
    first = studio.native(task, images, seed=1, **body)
    assert studio.native(task, images, seed=1, **body) == first
    assert studio.native(task, images, seed=2, **body) != first


def test_a_missing_picture_is_told_by_its_place(studio: Studio) -> None:
    with pytest.raises(CannotRender, match="STABLE_INPAINT needs the picture at /image"):
        studio.native("STABLE_INPAINT", prompt="a cat")


def test_grey_pictures_of_sixteen_bits_are_scaled_not_cut_off(studio: Studio, coffee: bytes) -> None:
    deep = Image.fromarray((np.linspace(0, 65535, 384, dtype=np.float64)[None, :].repeat(256, 0)).astype(np.uint16))
    drawn = studio.native("STABLE_INPAINT", {"image": coffee, "mask": studio.png(deep)}, prompt="a forest at night", grow_mask=0)
    moved = np.abs(studio.pixels(drawn).astype(int) - studio.pixels(coffee)).mean(axis=(0, 2))
    assert moved[:40].mean() < moved[170:210].mean() < moved[-40:].mean()
