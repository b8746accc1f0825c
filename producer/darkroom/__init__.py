"""What other services import: the client in both colours, typed requests, local steps, views and errors.

The classes that talk to Redis are loaded at their first use, so this package can be imported where only the base install is.

    from darkroom import Darkroom, TextImage

    with Darkroom() as room:
        job = room.submit(TextImage("a red sailboat", seed=7))
        job.wait(timeout=60)
        job.save("out")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from darkroom_shared.contract.gates import Gate
from darkroom_shared.contract.steps import (
    Canvas,
    Composite,
    ContactSheet,
    Convert,
    Cover,
    Crop,
    Feather,
    Flatten,
    Grow,
    Invert,
    MaskFromAlpha,
    MaskFromColor,
    Pad,
    Palette,
    PaletteTransfer,
    PasteBack,
    Resize,
    Select,
    ZoomOut,
)
from darkroom_shared.contract.views import Attempt, CallView, Cost, FailureView, JobView, Output, Rejected, Timings, WorkflowView
from darkroom_shared.core.errors import (
    AssetMissing,
    DarkroomError,
    DeadlineUnlikely,
    Draining,
    IdempotencyConflict,
    ImageRefused,
    InvalidRequest,
    JobCanceled,
    JobExpired,
    JobFailed,
    JobRejected,
    LedgerUnavailable,
    Misconfigured,
    NoRoute,
    NothingToDecide,
    QueueFull,
    RequestRejected,
    StillRunning,
    StorageUnavailable,
    Unavailable,
    UnknownJob,
    UnknownModel,
    WrongResult,
)
from darkroom_shared.core.forecast import ClassState, LaneState, PoolState, TenantQueue
from darkroom_shared.core.holds import Hold
from darkroom_shared.core.lifecycle import JobState
from darkroom_shared.core.problems import Problem
from darkroom_shared.settings import Settings
from darkroom_shared.task_types import (
    Ask,
    BackgroundRemoval,
    Check,
    CohereEmbedding,
    ColorGuidedGeneration,
    Compare,
    ConservativeUpscale,
    ControlSketch,
    ControlStructure,
    CreativeUpscale,
    Describe,
    EraseObject,
    Extract,
    FastUpscale,
    ImageSource,
    ImageVariation,
    Inpainting,
    NovaEmbedding,
    Outpainting,
    RemoveBackground,
    SdxlImage,
    SearchAndRecolor,
    SearchAndReplace,
    StableImage,
    StableInpaint,
    StableOutpaint,
    StyleGuide,
    StyleTransfer,
    TextImage,
    TitanEmbedding,
    VirtualTryOn,
)

if TYPE_CHECKING:
    from darkroom.async_handles import AsyncJobHandle, AsyncWorkflowHandle
    from darkroom.batches.following import BatchView, RowResult
    from darkroom.batches.handles import AsyncBatchHandle, BatchHandle
    from darkroom.batches.submitting import BatchPlan
    from darkroom.client import AsyncDarkroom, Darkroom
    from darkroom.explaining import Explanation
    from darkroom.graphs.approving import GateView
    from darkroom.graphs.builder import Graph, Group, Node, StepOptions, each, group, step
    from darkroom.graphs.document import WorkflowDocument
    from darkroom.graphs.templates import Template
    from darkroom.handles import JobHandle, WorkflowHandle
    from darkroom.launching import DarkroomWarning, DeadlineWarning, ModelRetiredWarning, PromptWarning
    from darkroom.operating import TenantView
    from darkroom.options import SubmitOptions
    from darkroom.plans import Plan, PlannedStep
    from darkroom.requests import LocalStep
    from darkroom.search.views import Found, Hit, Indexed
    from darkroom.watching import WorkerView
    from darkroom.workflows import StepEvent
    from darkroom_shared.store.reads import StreamEvent

__all__ = [
    "Ask",
    "AssetMissing",
    "AsyncBatchHandle",
    "AsyncDarkroom",
    "AsyncJobHandle",
    "AsyncWorkflowHandle",
    "Attempt",
    "BackgroundRemoval",
    "BatchHandle",
    "BatchPlan",
    "BatchView",
    "CallView",
    "Canvas",
    "Check",
    "ClassState",
    "CohereEmbedding",
    "ColorGuidedGeneration",
    "Compare",
    "Composite",
    "ConservativeUpscale",
    "ContactSheet",
    "ControlSketch",
    "ControlStructure",
    "Convert",
    "Cost",
    "Cover",
    "CreativeUpscale",
    "Crop",
    "Darkroom",
    "DarkroomError",
    "DarkroomWarning",
    "DeadlineUnlikely",
    "DeadlineWarning",
    "Describe",
    "Draining",
    "EraseObject",
    "Explanation",
    "Extract",
    "FailureView",
    "FastUpscale",
    "Feather",
    "Flatten",
    "Found",
    "Gate",
    "GateView",
    "Graph",
    "Group",
    "Grow",
    "Hit",
    "Hold",
    "IdempotencyConflict",
    "ImageRefused",
    "ImageSource",
    "ImageVariation",
    "Indexed",
    "Inpainting",
    "InvalidRequest",
    "Invert",
    "JobCanceled",
    "JobExpired",
    "JobFailed",
    "JobHandle",
    "JobRejected",
    "JobState",
    "JobView",
    "LaneState",
    "LedgerUnavailable",
    "LocalStep",
    "MaskFromAlpha",
    "MaskFromColor",
    "Misconfigured",
    "ModelRetiredWarning",
    "NoRoute",
    "Node",
    "NothingToDecide",
    "NovaEmbedding",
    "Outpainting",
    "Output",
    "Pad",
    "Palette",
    "PaletteTransfer",
    "PasteBack",
    "Plan",
    "PlannedStep",
    "PoolState",
    "Problem",
    "PromptWarning",
    "QueueFull",
    "Rejected",
    "RemoveBackground",
    "RequestRejected",
    "Resize",
    "RowResult",
    "SdxlImage",
    "SearchAndRecolor",
    "SearchAndReplace",
    "Select",
    "Settings",
    "StableImage",
    "StableInpaint",
    "StableOutpaint",
    "StepEvent",
    "StepOptions",
    "StillRunning",
    "StorageUnavailable",
    "StreamEvent",
    "StyleGuide",
    "StyleTransfer",
    "SubmitOptions",
    "Template",
    "TenantQueue",
    "TenantView",
    "TextImage",
    "Timings",
    "TitanEmbedding",
    "Unavailable",
    "UnknownJob",
    "UnknownModel",
    "VirtualTryOn",
    "WorkerView",
    "WorkflowDocument",
    "WorkflowHandle",
    "WorkflowView",
    "WrongResult",
    "ZoomOut",
    "each",
    "group",
    "step",
]

_LATER = {
    "AsyncBatchHandle": "darkroom.batches.handles",
    "AsyncDarkroom": "darkroom.client",
    "AsyncJobHandle": "darkroom.async_handles",
    "AsyncWorkflowHandle": "darkroom.async_handles",
    "BatchHandle": "darkroom.batches.handles",
    "BatchPlan": "darkroom.batches.submitting",
    "BatchView": "darkroom.batches.following",
    "Darkroom": "darkroom.client",
    "DarkroomWarning": "darkroom.launching",
    "DeadlineWarning": "darkroom.launching",
    "Explanation": "darkroom.explaining",
    "Found": "darkroom.search.views",
    "GateView": "darkroom.graphs.approving",
    "Graph": "darkroom.graphs.builder",
    "Group": "darkroom.graphs.builder",
    "Hit": "darkroom.search.views",
    "Indexed": "darkroom.search.views",
    "JobHandle": "darkroom.handles",
    "LocalStep": "darkroom.requests",
    "ModelRetiredWarning": "darkroom.launching",
    "Node": "darkroom.graphs.builder",
    "Plan": "darkroom.plans",
    "PlannedStep": "darkroom.plans",
    "PromptWarning": "darkroom.launching",
    "RowResult": "darkroom.batches.following",
    "StepEvent": "darkroom.workflows",
    "StepOptions": "darkroom.graphs.builder",
    "StreamEvent": "darkroom_shared.store.reads",
    "SubmitOptions": "darkroom.options",
    "Template": "darkroom.graphs.templates",
    "TenantView": "darkroom.operating",
    "WorkerView": "darkroom.watching",
    "WorkflowDocument": "darkroom.graphs.document",
    "WorkflowHandle": "darkroom.handles",
    "each": "darkroom.graphs.builder",
    "group": "darkroom.graphs.builder",
    "step": "darkroom.graphs.builder",
}
"""Names that need Redis, Celery or Pillow, or a module that does."""


def __getattr__(name: str) -> object:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module 'darkroom' has no attribute {name!r}")
    try:
        found: object = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("darkroom"):
            raise
        raise Misconfigured(f"{name} needs the package {error.name}; install it with: pip install 'darkroom[direct]'") from error
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
