"""What stored things are called, and which names are refused. Pure: every store asks here, so that all refuse the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from darkroom_shared.core.errors import AssetMissing
from darkroom_shared.core.ids import JOB_ID, SHA256, WORKFLOW_ID
from darkroom_shared.storage.base import StoryOutput

EXTENSIONS: Final[dict[str, str]] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "application/json": "json",
    "text/plain": "txt",
}
"""File name endings by media type; every other type gets `bin`. A fixed list: a look-up by hash tries each."""
ALL_EXTENSIONS: Final = (*EXTENSIONS.values(), "bin")

STORY: Final = "job.json"
_RECEIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
_OUTPUT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def sha256_of(data: bytes) -> str:
    """The name of these bytes: 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def extension(media_type: str) -> str:
    """The file name ending for a media type, without its parameters.

    >>> extension("image/png"), extension("text/plain; charset=utf-8"), extension("image/gif")
    ('png', 'txt', 'bin')
    """
    return EXTENSIONS.get(media_type.partition(";")[0].strip().lower(), "bin")


def is_sha256(text: str) -> bool:
    """True for 64 lower-case hex digits and nothing else."""
    return SHA256.fullmatch(text) is not None


def checked_sha256(text: str) -> str:
    """The text itself.

    Raises:
        AssetMissing: it is no SHA-256; such a name comes from outside and can have no bytes.
    """
    if not is_sha256(text):
        raise AssetMissing(f"{text[:80]!r} is not the name of an asset: 64 lower-case hex digits are")
    return text


def checked_receipt(name: str) -> str:
    """The name itself. Raises ValueError if it could lead anywhere but to a receipt."""
    if _RECEIPT.fullmatch(name) is None:
        raise ValueError(f"{name[:80]!r} is not a receipt name: 1-200 letters, digits, '.', '_', ':', '-', a letter or digit first")
    return name


def checked_job(job_id: str) -> str:
    """The id itself. Raises ValueError if it is no job or workflow id."""
    if JOB_ID.fullmatch(job_id) is None and WORKFLOW_ID.fullmatch(job_id) is None:
        raise ValueError(f"{job_id[:80]!r} is not a job id")
    return job_id


def checked_outputs(outputs: Sequence[StoryOutput]) -> tuple[StoryOutput, ...]:
    """The outputs themselves.

    Raises:
        ValueError: a name is of the wrong form, taken by the document, or used twice.
        AssetMissing: a hash is none.
    """
    names = [output.name for output in outputs]
    for output in outputs:
        if _OUTPUT.fullmatch(output.name) is None or output.name == STORY:
            raise ValueError(f"{output.name[:80]!r} is not an output name: lower-case letters, digits, '.', '_', '-' (not {STORY})")
        checked_sha256(output.sha256)
    if len(set(names)) != len(names):
        raise ValueError(f"two outputs of one story have the same name: {', '.join(sorted(names))}")
    return tuple(outputs)


def missing(sha256: str) -> AssetMissing:
    """The error for bytes that are not there."""
    return AssetMissing(f"asset {sha256} is not in the store; it was never stored or its retention is over")


def proven(sha256: str, data: bytes) -> bytes:
    """The bytes themselves, if they are the ones the name stands for.

    Raises:
        AssetMissing: they are not; the store holds damaged bytes.
    """
    found = sha256_of(data)
    if found != sha256:
        raise AssetMissing(
            f"asset {sha256} is damaged: the {len(data)} bytes stored under that name have the SHA-256 {found}. "
            "Store the original again to mend it."
        )
    return data
