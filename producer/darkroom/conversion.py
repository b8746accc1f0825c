"""Pictures in another format or size, for whoever shows them. What is stored stays as it is."""

from __future__ import annotations

import io
from typing import Final, Literal

Format = Literal["png", "jpeg", "webp"]
NARROWEST: Final = 16
WIDEST: Final = 4096
_OPTIONS: Final[dict[str, dict[str, object]]] = {
    "png": {},
    "jpeg": {"quality": 90, "subsampling": 0},
    "webp": {"quality": 90, "method": 4},
}


def converted(data: bytes, wanted: Format | None, width: int | None) -> tuple[bytes, str]:
    """The picture in that format (its own if None), at most so many pixels wide, and its media type.

    It is never enlarged. What is transparent becomes white in a JPEG. The same bytes come back where there is nothing to change.
    """
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
        own = (image.format or "PNG").lower()
        target = wanted or own
        is_wider = width is not None and image.width > width
        if target == own and not is_wider:
            return data, f"image/{own}"
        profile = image.info.get("icc_profile")
        image.load()
        made: Image.Image = image.convert("RGBA") if image.mode not in ("RGB", "RGBA", "L") else image.copy()
    if is_wider and width is not None:
        made = made.resize((width, max(1, round(made.height * width / made.width))), Image.Resampling.LANCZOS, reducing_gap=3)
    if target == "jpeg" and made.mode == "RGBA":
        ground = Image.new("RGBA", made.size, "white")
        ground.alpha_composite(made)
        made = ground.convert("RGB")
    out = io.BytesIO()
    made.save(out, target.upper(), icc_profile=profile, **_OPTIONS[target])
    return out.getvalue(), f"image/{target}"
