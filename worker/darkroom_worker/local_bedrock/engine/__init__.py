"""The picture engine of the local Bedrock endpoint: real pixels on the CPU, deterministic, labelled as a local preview."""

from darkroom_worker.local_bedrock.engine.encode import PREVIEW_NOTE
from darkroom_worker.local_bedrock.engine.looking import look_closely
from darkroom_worker.local_bedrock.engine.order import CannotRender, Order, Rendered
from darkroom_worker.local_bedrock.engine.render import render, warm_up

__all__ = ["PREVIEW_NOTE", "CannotRender", "Order", "Rendered", "look_closely", "render", "warm_up"]
