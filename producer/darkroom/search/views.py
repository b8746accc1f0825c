"""What callers get back from the image search."""

from __future__ import annotations

from darkroom_shared.contract.views import View


class Indexed(View):
    """What an indexing did."""

    tenant: str
    model: str
    dimension: int
    added: int = 0
    """Pictures that were put in with a vector made for them."""
    copied: int = 0
    """Pictures that were put in with the vector of the same bytes, which were there already."""
    removed: int = 0
    """Pictures that were taken out, because their jobs are gone or because the index was dropped to be made anew."""
    failed: int = 0
    """Pictures of which no vector could be made; the next indexing tries them again."""
    reasons: tuple[str, ...] = ()
    """Why, each reason once."""
    total: int = 0
    """Pictures in the index now."""
    place: str = ""
    """Where the index is kept, and if that is in files, why."""
    cost_usd: float | None = 0.0
    """What the vectors cost; None if their price is not known."""


class Hit(View):
    """A picture that was found."""

    job: str
    output: int
    """Its index among the job's pictures."""
    sha256: str
    score: float
    """How near it is: the cosine of the angle between the vectors, at most 1."""
    media_type: str
    width: int | None = None
    height: int | None = None
    prompt: str = ""
    """The words that it was made of; empty if there were none."""

    @property
    def asset(self) -> str:
        """How another request refers to it: `asset:<sha256>`."""
        return f"asset:{self.sha256}"


class Found(View):
    """The answer to a search."""

    tenant: str
    model: str
    dimension: int
    hits: tuple[Hit, ...]
    """The nearest first, each picture once."""
    query_job: str
    """The job that made the vector of what was asked."""
    cost_usd: float | None
    """What that cost; None if its price is not known."""
