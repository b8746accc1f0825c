"""Where in S3 things lie, and the limits of the clients: what the sync and the async store share. Knows no SDK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.storage.names import STORY, checked_job, checked_receipt, checked_sha256

CONNECT_S: Final = 5
READ_S: Final = 60
CONNECTIONS: Final = 64
ATTEMPTS: Final = 4
"""Every operation here may be repeated, so the SDK's own retries are right (unlike for paid Bedrock calls)."""
RECEIPT_TYPE: Final = "application/octet-stream"
STORY_TYPE: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket and the prefix in it (no slash at its ends, or empty)."""

    bucket: str
    prefix: str

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The place an `s3://bucket/prefix` URL names. Raises Misconfigured if it is of another form."""
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc or ":" in parts.netloc or parts.query or parts.fragment:
            raise Misconfigured("the asset store's S3 URL is not of the form s3://bucket/prefix")
        return cls(parts.netloc, unquote(parts.path).strip("/"))

    def key(self, *parts: str) -> str:
        """An object's key below the prefix."""
        return "/".join([*filter(None, [self.prefix]), *parts])

    def asset(self, sha256: str) -> str:
        """An asset's key."""
        return self.key("assets", checked_sha256(sha256))

    @property
    def assets(self) -> str:
        """What the keys of all assets begin with."""
        return self.key("assets", "")

    def receipt(self, name: str) -> str:
        """A receipt's key."""
        return self.key("receipts", checked_receipt(name))

    def story(self, job_id: str, name: str = "") -> str:
        """The key of one object of a story, or what all of them begin with."""
        return self.key("jobs", checked_job(job_id), name)

    def address(self, job_id: str) -> str:
        """Where a person finds the story."""
        return f"s3://{self.bucket}/{self.story(job_id, STORY)}"
