"""Every error that darkroom raises on purpose, by who must act.

    DarkroomError
      RequestRejected        the caller must change the request; nothing was paid
        InvalidRequest         the body breaks a documented limit (all findings at once)
        UnknownModel           no such model in the catalogue
        IdempotencyConflict    the key was used before with another body
        UnknownJob             no job (or workflow) with that id, or its retention is over
        ImageRefused           bytes that are no picture we accept
        NothingToDecide        the job is no dead letter, or none of its calls is held
        NoRoute                no living model does the task within what the caller allows
        DeadlineUnlikely       the deadline would be missed by what is known now, and the submit asked to be told
        AssetMissing           a reference to bytes that nobody stored
        WrongResult            the job gave a document and pictures were asked for, or the other way round
      JobFailed              the job ended without the images asked for
        JobRejected            a content filter refused all of them
        JobCanceled            somebody canceled it
        JobExpired             its deadline passed before it started
      StillRunning           a wait ran out; the job goes on and the handle stays usable
      Unavailable            try again later: the ledger, the store or the endpoint cannot be reached
        LedgerUnavailable      Redis is away, full or read-only
        StorageUnavailable     the asset store cannot be reached or written
        QueueFull              the tenant has as many jobs queued as it may
        Draining               the tenant or the model takes nothing new at present
      LeaseLost              a worker's right to a call is over; it stops without a word
      Misconfigured          a setting or an installation is wrong; the text says how to mend it

Each class has a stable `code`; texts may change, codes do not.
"""

from __future__ import annotations

from collections.abc import Sequence

from darkroom_shared.core.problems import Problem


class DarkroomError(Exception):
    """Something darkroom could not do."""

    code = "error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class RequestRejected(DarkroomError):
    """The request cannot be accepted as it is."""

    code = "request_rejected"


class InvalidRequest(RequestRejected):
    """The request breaks a documented limit."""

    code = "invalid_input"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.pointer or 'body'}: {p.message}" for p in self.problems))


class UnknownModel(RequestRejected):
    """The model is not in the catalogue."""

    code = "unknown_model"


class NoRoute(RequestRejected):
    """No model may be asked for this: by its life cycle, its Regions, or how far from the request a plan may go."""

    code = "no_route"


class IdempotencyConflict(RequestRejected):
    """The idempotency key was used before with another request."""

    code = "idempotency_conflict"


class UnknownJob(RequestRejected):
    """There is no such job, or its retention is over."""

    code = "not_found"


class NothingToDecide(RequestRejected):
    """The job waits for no decision."""

    code = "nothing_to_decide"


class DeadlineUnlikely(RequestRejected):
    """The job would probably miss its deadline."""

    code = "deadline_unlikely"


class ImageRefused(RequestRejected):
    """The bytes are not a picture that can be accepted."""

    code = "image_refused"


class AssetMissing(RequestRejected):
    """The bytes that were referred to are not in the asset store."""

    code = "asset_missing"


class WrongResult(RequestRejected):
    """The job's result is of another kind than what was asked for."""

    code = "wrong_result"


class JobFailed(DarkroomError):
    """The job ended without the images asked for."""

    code = "job_failed"

    def __init__(self, message: str | None = None, *, job_id: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.job_id = job_id
        self.reason = reason


class JobRejected(JobFailed):
    """A content filter refused every image."""

    code = "content_filtered"


class JobCanceled(JobFailed):
    """The job was canceled."""

    code = "canceled"


class JobExpired(JobFailed):
    """The job's deadline passed before it started."""

    code = "expired"


class StillRunning(DarkroomError, TimeoutError):
    """The wait ran out; the job is still running."""

    code = "still_running"

    def __init__(self, job_id: str, state: str, waited_s: float) -> None:
        self.job_id = job_id
        self.state = state
        super().__init__(
            f"{job_id} is still {state} after {waited_s:g} s. It goes on; wait again with the same handle or look it up by its id."
        )


class Unavailable(DarkroomError):
    """A part of the system cannot be reached; try again later."""

    code = "unavailable"


class LedgerUnavailable(Unavailable):
    """The ledger's Redis cannot be reached or cannot be written."""

    code = "ledger_unavailable"


class StorageUnavailable(Unavailable):
    """The asset store cannot be reached or cannot be written."""

    code = "storage_unavailable"


class QueueFull(Unavailable):
    """The tenant has as many jobs queued as it may."""

    code = "queue_full"


class Draining(Unavailable):
    """Nothing new is taken at present."""

    code = "draining"


class LeaseLost(DarkroomError):
    """Another worker has the right to this call now."""

    code = "lease_lost"


class Misconfigured(DarkroomError):
    """A setting or the installation is wrong."""

    code = "misconfigured"
