"""Photographs and order builders for the picture engine's tests.

The photographs come with scikit-image (astronaut and rocket: public domain, coffee and chelsea: CC0); the package is not imported.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

pytest.importorskip("cv2", reason="the local engine needs opencv-python-headless (extra `local`)")
pytest.importorskip("patchmatch", reason="the local engine needs pypatchmatch (extra `local`)")

from darkroom_worker.local_bedrock.engine import Order, Rendered, render

PARAMS = {
    "TEXT_IMAGE": "textToImageParams",
    "INPAINTING": "inPaintingParams",
    "OUTPAINTING": "outPaintingParams",
    "IMAGE_VARIATION": "imageVariationParams",
    "COLOR_GUIDED_GENERATION": "colorGuidedGenerationParams",
    "BACKGROUND_REMOVAL": "backgroundRemovalParams",
    "VIRTUAL_TRY_ON": "virtualTryOnParams",
}


class Studio:
    """Builds pictures, masks and orders."""

    def photo(self, name: str, width: int, height: int) -> bytes:
        """A photograph of scikit-image's at that size, as PNG."""
        spec = find_spec("skimage")
        if spec is None or spec.origin is None:
            pytest.skip("scikit-image (for its sample photographs) is not installed")
        with Image.open(Path(spec.origin).parent / "data" / name) as image:
            return self.png(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))

    def png(self, image: Image.Image) -> bytes:
        """A picture's PNG bytes."""
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return buffer.getvalue()

    def rectangle(self, size: tuple[int, int], box: tuple[int, int, int, int], inside: int = 0, outside: int = 255) -> bytes:
        """A mask: one rectangle of `inside` on `outside` (0 black, 255 white)."""
        mask = Image.new("RGB", size, (outside,) * 3)
        ImageDraw.Draw(mask).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=(inside,) * 3)
        return self.png(mask)

    def order(
        self,
        task_type: str,
        params: Mapping[str, object],
        images: Mapping[str, bytes] | None = None,
        *,
        family: str = "nova-canvas",
        **config: object,
    ) -> Order:
        """An order; images are keyed by their place below the task's parameters."""
        name = PARAMS[task_type]
        body: dict[str, object] = {"taskType": task_type, name: dict(params)}
        if config:
            body["imageGenerationConfig"] = config
        pictures = {f"/{name}/{place}": data for place, data in (images or {}).items()}
        return Order(family, "amazon.some-model", task_type, body, pictures)

    def draw(
        self,
        task_type: str,
        params: Mapping[str, object],
        images: Mapping[str, bytes] | None = None,
        *,
        family: str = "nova-canvas",
        **config: object,
    ) -> Rendered:
        """Renders the order that `order` would build."""
        return render(self.order(task_type, params, images, family=family, **config))

    def native(self, task_type: str, images: Mapping[str, bytes] | None = None, **body: object) -> bytes:
        """The picture for a native body (seed 7 unless it says another); images are keyed by their field."""
        whole = {"taskType": task_type, "seed": 7, **body}
        pictures = {f"/{name}": data for name, data in (images or {}).items()}
        [picture] = render(Order("stability-services", "stability.some-model", task_type, whole, pictures)).images
        return picture

    def pixels(self, data: bytes, mode: str = "RGB") -> NDArray[np.uint8]:
        """The pixels of an encoded picture."""
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert(mode), dtype=np.uint8)


@pytest.fixture(scope="session")
def studio() -> Studio:
    return Studio()


@pytest.fixture(scope="session")
def astronaut(studio: Studio) -> bytes:
    return studio.photo("astronaut.png", 320, 320)


@pytest.fixture(scope="session")
def coffee(studio: Studio) -> bytes:
    return studio.photo("coffee.png", 384, 256)


@pytest.fixture(scope="session")
def cat(studio: Studio) -> bytes:
    return studio.photo("chelsea.png", 384, 256)
