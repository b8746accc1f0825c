"""Draws a contact sheet of the native tasks: what went in beside what came out, with the time it took.

    python -m tests.unit.engine.contact_sheet /tmp/sheet.png [TASK ...]

For the eyes: the tests measure what pictures keep, this shows whether they look like what was asked for.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from darkroom_worker.local_bedrock.engine import Order, render
from tests.unit.engine.conftest import Studio

CELL = 300


@dataclass(frozen=True)
class Scene:
    """One request of the sheet."""

    title: str
    task_type: str
    body: Mapping[str, object] = field(default_factory=dict[str, object])
    images: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


def scenes(studio: Studio) -> Sequence[Scene]:
    """A request for every task type and every way into it."""
    astronaut, cat = studio.photo("astronaut.png", 1024, 1024), studio.photo("chelsea.png", 1152, 768)
    coffee, rocket = studio.photo("coffee.png", 1152, 768), studio.photo("rocket.jpg", 1152, 768)
    small = studio.photo("chelsea.png", 384, 256)
    cup = studio.rectangle((1152, 768), (380, 180, 860, 620), 255, 0)
    tower = studio.rectangle((1152, 768), (560, 40, 760, 620), 255, 0)
    sketch = studio.png(house_sketch())
    lake = {"prompt": "a mountain lake at sunset, a red sailboat", "seed": 7}
    turns = [(f"image-to-image {s}", {"prompt": "a city at night", "strength": s, "seed": 7}) for s in (0.2, 0.4, 0.6, 0.8, 1.0)]
    weighted = [{"text": "a fox in an autumn forest", "weight": 1}, {"text": "rain", "weight": -1}]
    return [
        Scene("16:9", "STABLE_IMAGE", {**lake, "aspect_ratio": "16:9"}),
        *(Scene(title, "STABLE_IMAGE", body, {"image": rocket}) for title, body in turns),
        Scene("weights", "SDXL_IMAGE", {"text_prompts": weighted, "seed": 7, "width": 1152, "height": 896}),
        Scene("anime", "SDXL_IMAGE", {"text_prompts": weighted, "seed": 7, "style_preset": "anime"}),
        Scene("init 0.6", "SDXL_IMAGE", {"text_prompts": weighted, "seed": 7, "image_strength": 0.6}, {"init_image": cat}),
        Scene("", "REMOVE_BACKGROUND", {}, {"image": astronaut}),
        Scene("a red apple", "STABLE_INPAINT", {"prompt": "a red apple", "seed": 3}, {"image": coffee, "mask": cup}),
        Scene("grey mask", "STABLE_INPAINT", {"prompt": "a forest", "seed": 3}, {"image": coffee, "mask": ramp_mask(studio)}),
        Scene("", "ERASE_OBJECT", {"seed": 3}, {"image": rocket, "mask": tower}),
        Scene("no words", "STABLE_OUTPAINT", {"left": 300, "right": 300, "up": 100, "seed": 3}, {"image": rocket}),
        Scene(
            "sunset sea, creativity 1",
            "STABLE_OUTPAINT",
            {"left": 400, "right": 400, "up": 300, "down": 300, "prompt": "a sea at sunset", "creativity": 1.0, "seed": 3},
            {"image": cat},
        ),
        Scene("cup -> cactus", "SEARCH_AND_REPLACE", {"prompt": "a cactus", "search_prompt": "cup", "seed": 3}, {"image": coffee}),
        Scene(
            "suit -> green",
            "SEARCH_AND_RECOLOR",
            {"prompt": "a green suit", "select_prompt": "suit", "seed": 3},
            {"image": astronaut},
        ),
        Scene("cat -> blue", "SEARCH_AND_RECOLOR", {"prompt": "blue", "select_prompt": "the cat", "seed": 3}, {"image": cat}),
        Scene("a drawing", "CONTROL_SKETCH", {"prompt": "a red house in a meadow", "seed": 3}, {"image": sketch}),
        Scene("a photograph", "CONTROL_SKETCH", {"prompt": "a blue cat at night", "seed": 3}, {"image": cat}),
        Scene("", "CONTROL_STRUCTURE", {"prompt": "a bronze statue in a desert", "seed": 3}, {"image": astronaut}),
        *(
            Scene(f"fidelity {f}", "STYLE_GUIDE", {"prompt": "a castle on a hill", "fidelity": f, "seed": 3}, {"image": coffee})
            for f in (0.0, 0.5, 1.0)
        ),
        Scene("", "STYLE_TRANSFER", {"seed": 3}, {"init_image": cat, "style_image": rocket}),
        Scene(
            "composition 0.2",
            "STYLE_TRANSFER",
            {"composition_fidelity": 0.2, "seed": 3},
            {"init_image": astronaut, "style_image": coffee},
        ),
        Scene("x4", "FAST_UPSCALE", {}, {"image": small}),
        Scene("1 MP x4", "FAST_UPSCALE", {}, {"image": astronaut}),
        Scene("", "CONSERVATIVE_UPSCALE", {"prompt": "a cat", "seed": 3}, {"image": small}),
        Scene("creativity 0.5", "CREATIVE_UPSCALE", {"prompt": "a cat", "creativity": 0.5, "seed": 3}, {"image": small}),
    ]


def preset_scenes() -> Sequence[Scene]:
    """One scene in every style preset."""
    names = (
        "3d-model analog-film anime cinematic comic-book digital-art enhance fantasy-art isometric line-art low-poly"
        " modeling-compound neon-punk origami photographic pixel-art tile-texture"
    )
    body = {"text_prompts": [{"text": "a castle on a hill beside a lake"}], "seed": 5}
    return [Scene(name, "SDXL_IMAGE", {**body, "style_preset": name}) for name in names.split()]


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


def ramp_mask(studio: Studio) -> bytes:
    """Black to white from left to right."""
    return studio.png(Image.linear_gradient("L").rotate(90).resize((1152, 768)))


def drawn(scene: Scene) -> tuple[bytes, float]:
    """The picture and the processor seconds it took, which other programs on the machine do not lengthen."""
    images = {f"/{name}": data for name, data in scene.images.items()}
    began = time.process_time()
    [picture] = render(Order("stability", "stability.any", scene.task_type, scene.body, images)).images
    return picture, time.process_time() - began


def _thumbnail(data: bytes) -> tuple[Image.Image, str]:
    with Image.open(io.BytesIO(data)) as opened:
        size, image = f"{opened.width}x{opened.height}", opened.convert("RGBA")
    image.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    board = Image.new("RGBA", image.size, (205, 205, 205, 255))
    for y in range(0, board.height, 20):
        for x in range(0, board.width, 20):
            board.paste((235, 235, 235, 255), (x, y, x + 10, y + 10))
    board.alpha_composite(image)
    return board.convert("RGB"), size


def strip(scene: Scene) -> Image.Image:
    """Inputs beside the output, with a line of text below."""
    picture, seconds = drawn(scene)
    views = [_thumbnail(data) for data in (*scene.images.values(), picture)]
    height = max(view.height for view, _ in views)
    sheet = Image.new("RGB", (sum(view.width + 6 for view, _ in views), height + 34), "white")
    left = 0
    for view, size in views:
        sheet.paste(view, (left, 0))
        ImageDraw.Draw(sheet).text((left + 2, height + 2), size, fill="black")
        left += view.width + 6
    caption = f"{scene.task_type} {scene.title}: {seconds:.1f} s, {len(picture) / 1e6:.1f} MB"
    ImageDraw.Draw(sheet).text((2, height + 16), caption, fill="black")
    return sheet


def arranged(strips: Sequence[Image.Image], width: int = 1880) -> Image.Image:
    """The strips in rows."""
    rows: list[list[Image.Image]] = [[]]
    for one in strips:
        if rows[-1] and sum(strip.width + 14 for strip in rows[-1]) + one.width > width:
            rows.append([])
        rows[-1].append(one)
    sheet = Image.new("RGB", (width, sum(max(strip.height for strip in row) + 10 for row in rows)), "white")
    y = 0
    for row in rows:
        x = 0
        for one in row:
            sheet.paste(one, (x, y))
            x += one.width + 14
        y += max(strip.height for strip in row) + 10
    return sheet


def main(path: str, *tasks: str) -> None:
    """Writes the sheet; tasks narrow it down, `presets` stands for the style presets."""
    wanted = preset_scenes() if tasks == ("presets",) else [s for s in scenes(Studio()) if not tasks or s.task_type in tasks]
    arranged([strip(scene) for scene in wanted]).save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
