"""Typed pixel operations: the one place that talks to OpenCV.

OpenCV's type stubs return a broad union of arrays; every wrapper here narrows it once, so that the painters work with two
types only: `Pixels` (uint8, H x W x 3 in RGB order or H x W x 4) and `Plane`/`Canvas` (float32).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""Encoded sRGB, H x W x 3 (or H x W for one channel), 0-255."""
Canvas: TypeAlias = NDArray[np.float32]
"""Encoded sRGB, H x W x 3, 0.0-1.0."""
Plane: TypeAlias = NDArray[np.float32]
"""One channel, H x W, usually 0.0-1.0."""
Mask: TypeAlias = NDArray[np.bool_]
"""H x W; what True means is said where it is made."""
Polygon: TypeAlias = NDArray[np.float32]
"""N x 2 points in pixels, x then y."""
Rgb: TypeAlias = tuple[float, float, float]
"""Encoded sRGB, each 0.0-1.0."""

Real: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
"""What the painters' arithmetic gives before it is narrowed."""

Quality = Literal["area", "linear", "cubic", "lanczos", "nearest"]
_INTERPOLATION: dict[Quality, int] = {
    "area": cv2.INTER_AREA,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
    "nearest": cv2.INTER_NEAREST,
}
_POLYGON_SHIFT = 4

# One thread: renders run side by side in a process pool, and a single thread keeps the result the same on every run.
cv2.setNumThreads(1)


def to_float(pixels: Pixels) -> Canvas:
    """0-255 bytes as 0.0-1.0."""
    return pixels.astype(np.float32) * np.float32(1 / 255)


def to_bytes(canvas: Canvas) -> Pixels:
    """0.0-1.0 as 0-255, clipped and rounded."""
    return np.asarray(cv2.convertScaleAbs(np.clip(canvas, 0, 1), alpha=255), dtype=np.uint8)


def resize(image: NDArray[np.float32], width: int, height: int, quality: Quality = "linear") -> NDArray[np.float32]:
    """Float image of any channel count at another size."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=_INTERPOLATION[quality]), dtype=np.float32)


def resize_pixels(image: Pixels, width: int, height: int, quality: Quality = "area") -> Pixels:
    """Byte image of any channel count at another size."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=_INTERPOLATION[quality]), dtype=np.uint8)


def blur(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur; large radii run on a reduced copy, which looks the same and costs a fraction."""
    if sigma <= 0.3:
        return image
    height, width = image.shape[:2]
    factor = int(sigma // 4)
    if factor >= 2 and min(height, width) // factor >= 8:
        small = resize(image, max(1, width // factor), max(1, height // factor), "area")
        return resize(np.asarray(cv2.GaussianBlur(small, (0, 0), sigma / factor), dtype=np.float32), width, height)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.float32)


def blur_axis(image: NDArray[np.float32], sigma_x: float, sigma_y: float) -> NDArray[np.float32]:
    """Gaussian blur with a radius for each axis (pixels)."""
    size = (2 * round(2.5 * sigma_x) + 1, 2 * round(2.5 * sigma_y) + 1)
    return np.asarray(
        cv2.GaussianBlur(image, size, sigmaX=max(sigma_x, 0.01), sigmaY=max(sigma_y, 0.01), borderType=cv2.BORDER_REPLICATE),
        dtype=np.float32,
    )


def box(image: Real, radius: int) -> NDArray[np.float32]:
    """Mean over a (2 radius + 1) square."""
    return np.asarray(cv2.blur(image, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT), dtype=np.float32)


def sample(image: NDArray[np.float32], x: Real, y: Real, *, wrap: bool = False, quality: Quality = "linear") -> NDArray[np.float32]:
    """The image read at positions (x, y) in pixels; outside it wraps around or is mirrored."""
    border = cv2.BORDER_WRAP if wrap else cv2.BORDER_REFLECT
    return np.asarray(
        cv2.remap(image, x.astype(np.float32), y.astype(np.float32), _INTERPOLATION[quality], borderMode=border), dtype=np.float32
    )


def transform(image: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every pixel times a colour matrix."""
    return np.asarray(cv2.transform(image, matrix), dtype=np.float32)


def fill_polygon(plane: Plane, points: Polygon, value: float = 1.0) -> None:
    """Paints an anti-aliased polygon into a plane, in place."""
    fixed = np.round(points * (1 << _POLYGON_SHIFT)).astype(np.int32)
    cv2.fillPoly(plane, [fixed], value, lineType=cv2.LINE_AA, shift=_POLYGON_SHIFT)


def polygon_mask(width: int, height: int, polygons: Sequence[Polygon]) -> Plane:
    """Coverage 0.0-1.0 of the union of polygons (OpenCV anti-aliases bytes only)."""
    mask = np.zeros((height, width), np.uint8)
    for points in polygons:
        fixed = np.round(points * (1 << _POLYGON_SHIFT)).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_AA, shift=_POLYGON_SHIFT)
    return to_float(mask)


def lines_mask(width: int, height: int, segments: NDArray[np.float32], thickness: int = 1) -> Plane:
    """Coverage 0.0-1.0 of line segments given as N x 4 (x0, y0, x1, y1)."""
    mask = np.zeros((height, width), np.uint8)
    fixed = np.round(segments.reshape(-1, 2, 2) * (1 << _POLYGON_SHIFT)).astype(np.int32)
    cv2.polylines(mask, list(fixed), False, 255, thickness, cv2.LINE_AA, _POLYGON_SHIFT)
    return to_float(mask)


def discs_mask(width: int, height: int, discs: NDArray[np.float32]) -> Plane:
    """Brightest of discs given as N x 4 (x, y, radius, strength 0-1)."""
    mask = np.zeros((height, width), np.uint8)
    scale = 1 << _POLYGON_SHIFT
    for x, y, radius, strength in discs[np.argsort(discs[:, 3], kind="stable")]:
        centre = (round(float(x) * scale), round(float(y) * scale))
        cv2.circle(mask, centre, max(1, round(float(radius) * scale)), float(strength) * 255, -1, cv2.LINE_AA, _POLYGON_SHIFT)
    return to_float(mask)


def luma(image: Canvas) -> Plane:
    """Rec. 709 weighted grey of an RGB canvas."""
    return np.asarray(cv2.transform(image, np.array([[0.2126, 0.7152, 0.0722]], np.float32)), dtype=np.float32).reshape(
        image.shape[:2]
    )


def hsv(image: Pixels) -> Pixels:
    """Hue 0-179, saturation 0-255, value 0-255 of RGB bytes."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), dtype=np.uint8)


def ycrcb(image: Pixels) -> Pixels:
    """Luma, red and blue difference of RGB bytes."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), dtype=np.uint8)


def edges(image: Pixels, low: float, high: float) -> Plane:
    """Canny edges of RGB bytes, 0.0 or 1.0."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return to_float(np.asarray(cv2.Canny(np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.2), np.uint8), low, high), dtype=np.uint8))


def bilateral(image: Pixels, diameter: int, colour: float, space: float) -> Pixels:
    """Smooths areas and keeps edges."""
    return np.asarray(cv2.bilateralFilter(image, diameter, colour, space), dtype=np.uint8)


def sharpened(image: Pixels, sigma: float, amount: float) -> Pixels:
    """Bytes with their contrast to a Gaussian blur of that many pixels raised by amount."""
    soft = cv2.GaussianBlur(image, (0, 0), sigma)
    return np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), dtype=np.uint8)


def cells(canvas: Canvas, seeds: NDArray[np.float64]) -> Canvas:
    """The canvas as flat cells around seeds (N x 2, x then y, in pixels), each in the mean colour of its pixels."""
    height, width = canvas.shape[:2]
    free = np.ones((height, width), np.uint8)
    free[np.clip(seeds[:, 1], 0, height - 1).astype(np.int32), np.clip(seeds[:, 0], 0, width - 1).astype(np.int32)] = 0
    _, found = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = np.asarray(found, dtype=np.int64)
    count = np.maximum(np.bincount(labels.ravel()), 1)
    means = [np.bincount(labels.ravel(), canvas[..., channel].ravel()) / count for channel in range(3)]
    return np.asarray(np.stack(means, -1).astype(np.float32)[labels], dtype=np.float32)


def mean_shift(image: Pixels, space: float, colour: float) -> Pixels:
    """Flattens areas of similar colour."""
    return np.asarray(cv2.pyrMeanShiftFiltering(image, space, colour), dtype=np.uint8)


def median(image: Pixels, size: int) -> Pixels:
    """Median over a size x size square; size is odd."""
    return np.asarray(cv2.medianBlur(image, size), dtype=np.uint8)


def grow(mask: Mask, radius: int) -> Mask:
    """The mask widened by radius pixels (a disc)."""
    return _morph(mask, radius, cv2.MORPH_DILATE)


def grow_plane(plane: Plane, radius: int) -> Plane:
    """The largest value within radius pixels (a disc): bright parts of a plane widened."""
    if radius < 1:
        return plane
    kernel = np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), dtype=np.uint8)
    return np.asarray(cv2.dilate(plane, kernel), dtype=np.float32)


def shrink(mask: Mask, radius: int) -> Mask:
    """The mask narrowed by radius pixels (a disc)."""
    return _morph(mask, radius, cv2.MORPH_ERODE)


def close_gaps(mask: Mask, radius: int) -> Mask:
    """Holes and cracks below radius filled."""
    return _morph(mask, radius, cv2.MORPH_CLOSE)


def open_specks(mask: Mask, radius: int) -> Mask:
    """Specks and whiskers below radius removed."""
    return _morph(mask, radius, cv2.MORPH_OPEN)


def _morph(mask: Mask, radius: int, operation: int) -> Mask:
    if radius < 1:
        return mask
    kernel = np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), dtype=np.uint8)
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), operation, kernel), dtype=np.uint8) > 0


def depth(mask: Mask) -> Plane:
    """Distance in pixels of each True pixel to the nearest False one; 0 where False. The frame's edge does not count as False."""
    if mask.all():
        return np.full(mask.shape, float(max(mask.shape)), np.float32)
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5), dtype=np.float32)


def areas(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Connected areas: label image (0 = outside) and, for each label, (x, y, width, height, pixels)."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return np.asarray(labels, dtype=np.int32), np.asarray(facts, dtype=np.int32)


def bounds(mask: Mask) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of the True pixels, right and bottom exclusive; None for an empty mask."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not columns.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def grid(width: int, height: int) -> tuple[Plane, Plane]:
    """Pixel coordinates x and y as broadcastable row and column."""
    return np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]


def full_grid(width: int, height: int) -> tuple[Plane, Plane]:
    """Pixel coordinates x and y as whole planes."""
    x, y = grid(width, height)
    return np.ascontiguousarray(np.broadcast_to(x, (height, width))), np.ascontiguousarray(np.broadcast_to(y, (height, width)))


def smoothstep(low: float, high: float, value: Real) -> NDArray[np.float32]:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def mix(below: Canvas, above: Canvas | Rgb, amount: Plane | float) -> Canvas:
    """below where amount is 0, above where it is 1."""
    weight = amount[..., None] if isinstance(amount, np.ndarray) else np.float32(amount)
    top = np.asarray(above, dtype=np.float32)
    return np.asarray(below + (top - below) * weight, dtype=np.float32)


def vignette(width: int, height: int) -> Plane:
    """1 in the middle, falling to 0 in the far corners."""
    x, y = grid(width, height)
    radius = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2
    return np.asarray(1 - radius, dtype=np.float32)


def normalised_ranks(plane: Plane) -> Plane:
    """Each value's share of values below it, 0-1 (histogram equalisation over 1024 steps)."""
    low, high = float(plane.min()), float(plane.max())
    index = ((plane - np.float32(low)) * np.float32(1023 / max(high - low, 1e-6))).astype(np.int32)
    share = np.cumsum(np.bincount(index.ravel(), minlength=1024)).astype(np.float32)
    return np.asarray(share[index] / share[-1], dtype=np.float32)


def steps(count: int) -> Plane:
    """0, 1, 2, ... as floats: pixel indices along one side."""
    return np.arange(count, dtype=np.float32)


def smoothed_line(line: Plane, window: int) -> Plane:
    """A row of values smoothed by a Hann window of that many values (odd)."""
    kernel = np.hanning(window + 2)[1:-1]
    padded = np.pad(line, window // 2, mode="edge")
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), mode="valid"), dtype=np.float32)
