"""How large a scaled picture becomes and where it lies. In integers wherever it can be, so that every machine agrees."""

from __future__ import annotations

import math


def scaled(width: int, height: int, numerator: int, denominator: int) -> tuple[int, int]:
    """Both sides times a fraction, rounded half up, at least 1.

    >>> scaled(1024, 768, 512, 1024)
    (512, 384)
    """

    def side(length: int) -> int:
        return max(1, (2 * length * numerator + denominator) // (2 * denominator))

    return side(width), side(height)


def rounded(side: int, multiple_of: int) -> int:
    """The side rounded down to a multiple, but never to 0."""
    return max(multiple_of, side - side % multiple_of)


def within(width: int, height: int, min_side: int | None, max_side: int | None, max_pixels: int | None) -> tuple[int, int]:
    """The size, changed only as far as the limits ask, proportions kept; where they contradict, the upper ones win."""
    new = width, height
    if min_side is not None and min(width, height) < min_side:
        new = scaled(width, height, min_side, min(width, height))
    if max_side is not None and max(new) > max_side:
        new = scaled(width, height, max_side, max(width, height))
    if max_pixels is not None and new[0] * new[1] > max_pixels:
        new = _fewer_pixels(*new, width, height, max_pixels)
    return new


def _fewer_pixels(width: int, height: int, whole_width: int, whole_height: int, most: int) -> tuple[int, int]:
    """The largest size with at most that many pixels, in the proportions of the whole, no side above the one given."""
    # Both roots are rounded down, so their product cannot pass the limit, unless a side would vanish and is held at 1.
    width = max(1, min(width, math.isqrt(most * whole_width // whole_height)))
    height = max(1, min(height, math.isqrt(most * whole_height // whole_width)))
    width = min(width, max(1, most // height))
    return width, min(height, max(1, most // width))


def centred(width: int, height: int, canvas_width: int, canvas_height: int, scale: float) -> tuple[int, int, int, int]:
    """Where a picture lies in the middle of a canvas: left, top, right, bottom.

    Args:
        scale: part of the canvas, above 0 and at most 1, that the picture takes along the side where it fits tightly.
    """
    room_width, room_height = max(1, round(canvas_width * scale)), max(1, round(canvas_height * scale))
    if width * room_height >= height * room_width:
        inner = room_width, min(room_height, scaled(width, height, room_width, width)[1])
    else:
        inner = min(room_width, scaled(width, height, room_height, height)[0]), room_height
    left, top = (canvas_width - inner[0]) // 2, (canvas_height - inner[1]) // 2
    return left, top, left + inner[0], top + inner[1]


def covering(width: int, height: int, box_width: int, box_height: int) -> tuple[float, float, float, float]:
    """The part of a picture that fills a box when it is scaled until it covers it: left, top, right, bottom.

    In the picture's own pixels and parts of them, but cut at whole pixels of the scaled picture: an odd number to cut takes one
    more from the right or lower side.

    >>> covering(400, 100, 50, 50)
    (150.0, 0.0, 250.0, 100.0)
    """
    if box_width * height >= box_height * width:
        whole = box_width, scaled(width, height, box_width, width)[1]
    else:
        whole = scaled(width, height, box_height, height)[0], box_height
    left, top = (whole[0] - box_width) // 2, (whole[1] - box_height) // 2
    # One division each, of whole numbers: the right and lower ends cannot pass the picture's.
    return (
        left * width / whole[0],
        top * height / whole[1],
        (left + box_width) * width / whole[0],
        (top + box_height) * height / whole[1],
    )
