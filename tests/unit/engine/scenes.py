"""What the contact sheets show of each task: bodies as they are sent, with photographs in which what was done can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from PIL import Image, ImageDraw

from darkroom_shared.task_types.values import StylePreset
from tests.unit.engine.conftest import PARAMS, Studio

LAKE = "a mountain lake at sunset, a red sailboat"
FOX = ({"text": "a fox in an autumn forest", "weight": 1}, {"text": "rain", "weight": -1})


@dataclass(frozen=True)
class Scene:
    """One request.

    Attributes:
        asked: what to look for, in a few words.
        body: the tagged body without its pictures.
        images: its pictures, by JSON pointer.
    """

    asked: str
    body: Mapping[str, object]
    images: Mapping[str, bytes] = field(default_factory=dict[str, bytes], repr=False)


def scenes(studio: Studio) -> Mapping[str, Sequence[Scene]]:
    """The requests of every task type, one for each way into it."""
    return {**_amazon(studio), **_text_to_image(studio), **_services(studio)}


def preset_scenes() -> Sequence[Scene]:
    """One scene in every style preset."""
    return [
        _native("SDXL_IMAGE", name, text_prompts=[{"text": "a castle on a hill beside a lake"}], seed=5, style_preset=name)
        for name in get_args(StylePreset)
    ]


def _amazon(studio: Studio) -> dict[str, list[Scene]]:
    cat, coffee = studio.photo("chelsea.png", 768, 512), studio.photo("coffee.png", 768, 512)
    rocket, person = studio.photo("rocket.jpg", 768, 512), studio.photo("astronaut.png", 768, 768)
    around, cup, tower = (
        studio.rectangle((768, 512), (180, 10, 560, 420)),
        studio.rectangle((768, 512), (95, 15, 620, 500)),
        studio.rectangle((768, 512), (373, 27, 507, 420)),
    )
    sketch, shirt = studio.png(house_sketch()), studio.png(striped_shirt())
    sized = {"width": 1152, "height": 768}
    worn = {"maskType": "GARMENT", "garmentBasedMask": {"garmentClass": "UPPER_BODY"}, "returnMask": True}
    return {
        "TEXT_IMAGE": [
            _asked("TEXT_IMAGE", LAKE, {"text": LAKE}, config=sized),
            _asked("TEXT_IMAGE", "style of a graphic novel", {"text": LAKE, "style": "GRAPHIC_NOVEL_ILLUSTRATION"}, config=sized),
            _asked(
                "TEXT_IMAGE",
                "edges: a red house in a meadow",
                {"text": "a red house in a meadow", "controlMode": "CANNY_EDGE"},
                {"conditionImage": sketch},
                sized,
            ),
            _asked(
                "TEXT_IMAGE",
                "areas: a bronze cup in a desert",
                {"text": "a bronze cup in a desert", "controlMode": "SEGMENTATION"},
                {"conditionImage": coffee},
                sized,
            ),
        ],
        "INPAINTING": [
            _asked("INPAINTING", "a red apple in the black part", {"text": "a red apple"}, {"image": coffee, "maskImage": cup}),
            _asked("INPAINTING", "cup becomes a cactus", {"text": "a cactus in a pot", "maskPrompt": "the cup"}, {"image": coffee}),
            _asked("INPAINTING", "the rocket is gone", {}, {"image": rocket, "maskImage": tower}),
        ],
        "OUTPAINTING": [
            _asked("OUTPAINTING", "person on a beach", {"text": "a beach", "maskPrompt": "the person"}, {"image": person}),
            _asked(
                "OUTPAINTING",
                "PRECISE: the black part stays, around it a forest",
                {"text": "a forest", "outPaintingMode": "PRECISE"},
                {"image": coffee, "maskImage": around},
            ),
        ],
        "IMAGE_VARIATION": [
            _asked("IMAGE_VARIATION", "similarity 0.9", {"similarityStrength": 0.9}, {"images/0": cat}, sized),
            _asked("IMAGE_VARIATION", "similarity 0.2", {"similarityStrength": 0.2}, {"images/0": cat}, sized),
            _asked(
                "IMAGE_VARIATION",
                "two pictures, in a snowy forest",
                {"text": "in a snowy forest"},
                {"images/0": cat, "images/1": rocket},
                sized,
            ),
        ],
        "COLOR_GUIDED_GENERATION": [
            _asked("COLOR_GUIDED_GENERATION", colors, {"text": "a sailboat on a lake", "colors": colors.split()}, {}, sized)
            for colors in ("#1B3A57 #F2A65A #F6E7CB", "#2E7D32 #C5E1A5 #FFFFFF")
        ]
        + [
            _asked(
                "COLOR_GUIDED_GENERATION",
                "#7B1FA2 #F48FB1, after a picture",
                {"text": "a cup on a table", "colors": ["#7B1FA2", "#F48FB1"]},
                {"referenceImage": coffee},
                sized,
            )
        ],
        "BACKGROUND_REMOVAL": [
            _asked("BACKGROUND_REMOVAL", "a person", {}, {"image": person}),
            _asked("BACKGROUND_REMOVAL", "a cat", {}, {"image": cat}),
        ],
        "VIRTUAL_TRY_ON": [
            _asked("VIRTUAL_TRY_ON", "the shirt on the upper body", worn, {"sourceImage": person, "referenceImage": shirt}),
            _asked(
                "VIRTUAL_TRY_ON",
                "the shirt in the black part",
                {"maskType": "IMAGE"},
                {
                    "sourceImage": person,
                    "referenceImage": shirt,
                    "imageBasedMask/maskImage": studio.rectangle((768, 768), (150, 400, 560, 768)),
                },
            ),
        ],
    }


def _text_to_image(studio: Studio) -> dict[str, list[Scene]]:
    cat, rocket = studio.photo("chelsea.png", 1152, 768), studio.photo("rocket.jpg", 1152, 768)
    mask = studio.rectangle((1152, 768), (560, 40, 760, 620))
    city = [
        _native("STABLE_IMAGE", f"a city at night, strength {s}", {"image": rocket}, prompt="a city at night", strength=s, seed=7)
        for s in (0.2, 0.6, 1.0)
    ]
    weighted = {"text_prompts": list(FOX), "seed": 7}
    return {
        "STABLE_IMAGE": [_native("STABLE_IMAGE", f"{LAKE}, 16:9", prompt=LAKE, aspect_ratio="16:9", seed=7), *city],
        "SDXL_IMAGE": [
            _native("SDXL_IMAGE", "a fox in an autumn forest, no rain", **weighted, width=1152, height=896),
            _native("SDXL_IMAGE", "the same as anime", **weighted, style_preset="anime"),
            _native("SDXL_IMAGE", "image strength 0.6", {"init_image": cat}, **weighted, image_strength=0.6),
            _native(
                "SDXL_IMAGE",
                "a palm tree in the black part",
                {"init_image": rocket, "mask_image": mask},
                text_prompts=[{"text": "a palm tree"}],
                mask_source="MASK_IMAGE_BLACK",
                seed=7,
            ),
        ],
    }


def _services(studio: Studio) -> dict[str, list[Scene]]:
    person, cat = studio.photo("astronaut.png", 1024, 1024), studio.photo("chelsea.png", 1152, 768)
    coffee, rocket = studio.photo("coffee.png", 1152, 768), studio.photo("rocket.jpg", 1152, 768)
    small, sketch = studio.photo("chelsea.png", 384, 256), studio.png(house_sketch())
    cup = studio.rectangle((1152, 768), (140, 20, 930, 750), 255, 0)
    tower = studio.rectangle((1152, 768), (560, 40, 760, 620), 255, 0)
    found: list[Scene] = [
        _native("REMOVE_BACKGROUND", "a person", {"image": person}),
        _native("REMOVE_BACKGROUND", "a cat", {"image": cat}),
        _native("STABLE_INPAINT", "a red apple in the white part", {"image": coffee, "mask": cup}, prompt="a red apple", seed=3),
        _native(
            "STABLE_INPAINT", "a forest, more to the right", {"image": coffee, "mask": ramp_mask(studio)}, prompt="a forest", seed=3
        ),
        _native("ERASE_OBJECT", "the rocket is gone", {"image": rocket, "mask": tower}, seed=3),
        _native("STABLE_OUTPAINT", "300 left and right, 100 up", {"image": rocket}, left=300, right=300, up=100, seed=3),
        _native("STABLE_OUTPAINT", "500 down only", {"image": coffee}, down=500, seed=3),
        _native(
            "STABLE_OUTPAINT",
            "a sea at sunset on all sides, creativity 1",
            {"image": cat},
            left=400,
            right=400,
            up=300,
            down=300,
            prompt="a sea at sunset",
            creativity=1.0,
            seed=3,
        ),
        _native(
            "SEARCH_AND_REPLACE", "cup becomes a cactus", {"image": coffee}, prompt="a cactus", search_prompt="the cup", seed=3
        ),
        _native("SEARCH_AND_REPLACE", "cat becomes a dog", {"image": cat}, prompt="a dog", search_prompt="the cat", seed=3),
        _native(
            "SEARCH_AND_RECOLOR", "suit becomes green", {"image": person}, prompt="a green suit", select_prompt="the suit", seed=3
        ),
        _native("SEARCH_AND_RECOLOR", "cat becomes blue", {"image": cat}, prompt="blue", select_prompt="the cat", seed=3),
        _native("SEARCH_AND_RECOLOR", "cup becomes red", {"image": coffee}, prompt="red", select_prompt="the cup", seed=3),
        _native("CONTROL_SKETCH", "a red house in a meadow", {"image": sketch}, prompt="a red house in a meadow", seed=3),
        _native("CONTROL_SKETCH", "a blue cat at night", {"image": cat}, prompt="a blue cat at night", seed=3),
        _native("CONTROL_STRUCTURE", "a bronze statue", {"image": person}, prompt="a bronze statue in a desert", seed=3),
        _native("CONTROL_STRUCTURE", "a snowy landscape", {"image": coffee}, prompt="a snowy landscape", seed=3),
        *(
            _native("STYLE_GUIDE", f"a castle, fidelity {f}", {"image": coffee}, prompt="a castle on a hill", fidelity=f, seed=3)
            for f in (0.0, 0.5, 1.0)
        ),
        _native("STYLE_TRANSFER", "cat in the rocket's light", {"init_image": cat, "style_image": rocket}, seed=3),
        _native(
            "STYLE_TRANSFER",
            "person in the coffee's colours, composition 0.2",
            {"init_image": person, "style_image": coffee},
            composition_fidelity=0.2,
            seed=3,
        ),
        _native("FAST_UPSCALE", "four times as wide and high", {"image": small}),
        _native("CONSERVATIVE_UPSCALE", "about 4K, unchanged", {"image": small}, prompt="a cat", seed=3),
        _native("CREATIVE_UPSCALE", "about 4K, with detail", {"image": small}, prompt="a cat", creativity=0.5, seed=3),
    ]
    return {
        str(one.body["taskType"]): [other for other in found if other.body["taskType"] == one.body["taskType"]] for one in found
    }


def _asked(
    task_type: str,
    asked: str,
    params: Mapping[str, object],
    images: Mapping[str, bytes] | None = None,
    config: Mapping[str, object] | None = None,
) -> Scene:
    """A scene in Amazon's words; pictures by their place below the parameters."""
    several = [place for place in images or {} if place.startswith("images/")]
    lists = {"images": [""] * len(several)} if several else {}
    body: dict[str, object] = {"taskType": task_type, PARAMS[task_type]: {**params, **lists}}
    if config is not None:
        body["imageGenerationConfig"] = dict(config)
    return Scene(asked, body, {f"/{PARAMS[task_type]}/{place}": data for place, data in (images or {}).items()})


def _native(task_type: str, asked: str, images: Mapping[str, bytes] | None = None, **body: object) -> Scene:
    """A scene of a native task; pictures by field."""
    return Scene(asked, {"taskType": task_type, **body}, {f"/{name}": data for name, data in (images or {}).items()})


def house_sketch() -> Image.Image:
    """A house, a tree and the sun as lines on paper."""
    image = Image.new("RGB", (1024, 768), (250, 249, 246))
    pen, ink = ImageDraw.Draw(image), (30, 30, 34)
    pen.rectangle((330, 340, 690, 640), outline=ink, width=6)
    pen.polygon([(300, 340), (510, 170), (720, 340)], outline=ink, width=6)
    for box in ((380, 400, 460, 480), (560, 400, 640, 480), (470, 510, 550, 640)):
        pen.rectangle(box, outline=ink, width=5)
    pen.ellipse((780, 300, 960, 520), outline=ink, width=6)
    pen.rectangle((855, 515, 885, 640), outline=ink, width=5)
    pen.ellipse((80, 60, 190, 170), outline=ink, width=5)
    pen.line((0, 640, 1024, 640), fill=ink, width=5)
    return image


def striped_shirt() -> Image.Image:
    """A shirt with blue and white stripes, laid out on paper."""
    image = Image.new("RGB", (512, 512), (245, 245, 242))
    outline = [(170, 90), (230, 70), (282, 70), (342, 90), (440, 180), (385, 240), (350, 205), (350, 450), (162, 450), (162, 205)]
    shape = Image.new("L", image.size)
    ImageDraw.Draw(shape).polygon([*outline, (127, 240), (72, 180)], fill=255)
    cloth = Image.new("RGB", image.size, (248, 248, 255))
    for y in range(60, 460, 48):
        ImageDraw.Draw(cloth).rectangle((0, y, 512, y + 22), fill=(30, 70, 170))
    image.paste(cloth, mask=shape)
    return image


def ramp_mask(studio: Studio) -> bytes:
    """Black to white from left to right."""
    return studio.png(Image.linear_gradient("L").rotate(90).resize((1152, 768)))
