"""What Bedrock's runtime looks like on the wire: routes, error shapes, status codes, headers. Knows nothing about images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast, get_args
from urllib.parse import unquote

import orjson

Headers = tuple[tuple[bytes, bytes], ...]
ModelOperation = Literal["invoke", "invoke-with-response-stream", "converse", "converse-stream", "count-tokens"]
Operation = ModelOperation | Literal["apply-guardrail"]

MAX_BODY_BYTES = 25_000_000
"""Upper bound of a request body, from the `Body` shape of the service model."""

ERROR_TYPE_SUFFIX = ":http://internal.amazon.com/coral/com.amazon.bedrock/"

STATUS: dict[str, int] = {
    "ConflictException": 400,
    "ValidationException": 400,
    "ServiceQuotaExceededException": 400,
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
    "ResourceNotFoundException": 404,
    "UnknownOperationException": 404,
    "ModelTimeoutException": 408,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ThrottlingException": 429,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
}
"""HTTP status by exception name, from the service model; the authentication errors as they were seen at the endpoint."""

MESSAGES: dict[str, str] = {
    "ConflictException": "Error occurred because of a conflict while performing an operation.",
    "ValidationException": "Malformed input request, please reformat your input and try again.",
    "ServiceQuotaExceededException": "Your request exceeds the service quota for your account. Please try again later.",
    "AccessDeniedException": "You don't have access to the model with the specified model ID.",
    "ExpiredTokenException": "The security token included in the request is expired",
    "MissingAuthenticationTokenException": "Missing Authentication Token",
    "UnrecognizedClientException": "The security token included in the request is invalid.",
    "ResourceNotFoundException": "Could not resolve the foundation model from the provided model identifier.",
    "UnknownOperationException": "The requested operation is not recognized by the service.",
    "ModelTimeoutException": "Model has timed out in processing the request. Try your request again.",
    "ModelErrorException": "The system encountered an unexpected error during processing. Try your request again.",
    "ModelNotReadyException": "Model is not ready for inference. Please wait and try your request again.",
    "ThrottlingException": "Too many requests, please wait before trying again.",
    "InternalServerException": "The system encountered an unexpected error during processing. Try your request again.",
    "ServiceUnavailableException": "Bedrock is unable to process your request.",
}
"""What the service says when there is nothing special to say."""

END_OF_LIFE = (
    "This model version has reached the end of its life. Please refer to the AWS documentation for more details on model"
    " lifecycle and the recommended replacement."
)
LEGACY_IDLE = (
    "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 15"
    " days. Please upgrade to an active model on Amazon Bedrock"
)
DEFAULT_REGION = "us-east-1"
_SCOPE = re.compile(rb"Credential=[^/,]+/\d{8}/(?P<region>[a-z0-9-]{1,32})/")
INVALID_MODEL = "The provided model identifier is invalid."
PROFILE_NEEDED = (
    "Invocation of model ID {model_id} with on-demand throughput isn't supported. Retry your request with the ID or ARN of an"
    " inference profile that contains this model."
)


CONVERSE_ONLY = "The local endpoint answers for this model by Converse only, not by {operation}."
GUARDRAIL_UNKNOWN = "The guardrail identifier or version provided in the request does not exist."
GUARDRAIL_INVALID = "Malformed request to the guardrail: {what}."


class ServiceError(Exception):
    """An answer that is an error of the service.

    Attributes:
        code: the exception name that SDKs make a class of.
        status: HTTP status.
        message: the text in the body.
    """

    def __init__(self, code: str, message: str | None = None) -> None:
        self.code = code
        self.status = STATUS[code]
        self.message = MESSAGES[code] if message is None else message
        super().__init__(f"{code}: {self.message}")

    def body(self) -> bytes:
        """The JSON body; ModelErrorException carries two more members, as the service model says."""
        members: dict[str, object] = {"message": self.message}
        if self.code == "ModelErrorException":
            members |= {"originalStatusCode": 500, "resourceName": ""}
        return orjson.dumps(members)


def validation_error(message: str) -> ServiceError:
    """A ValidationException (400) with this text."""
    return ServiceError("ValidationException", message)


@dataclass(frozen=True, slots=True)
class Route:
    """A request to the runtime: which operation, on which model or guardrail (decoded, as the client named it)."""

    operation: Operation
    model_id: str
    version: str = ""
    """Of a guardrail."""


def parse_route(method: str, raw_path: bytes) -> Route | None:
    """Reads `/model/{modelId}/{operation}` and `/guardrail/{id}/version/{version}/apply`; None for anything else.

    Args:
        method: HTTP method in capitals.
        raw_path: path as sent. It is split before it is decoded: an ARN in it holds `%2F`, which is no separator.
    """
    parts = raw_path.decode("latin-1").split("/")
    if method != "POST" or len(parts) < 4:
        return None
    if parts[1] == "guardrail" and len(parts) > 5 and (parts[-3], parts[-1]) == ("version", "apply"):
        return Route("apply-guardrail", unquote("/".join(parts[2:-3])), unquote(parts[-2]))
    if parts[:2] != ["", "model"] or parts[-1] not in get_args(ModelOperation):
        return None
    return Route(cast("ModelOperation", parts[-1]), unquote("/".join(parts[2:-1])))


def operation_error(operation: Operation, *, converses: bool) -> ServiceError | None:
    """Why a model cannot do this; None for what it can: `invoke`, or `converse` for one that `converses`."""
    if converses:
        return None if operation == "converse" else validation_error(CONVERSE_ONLY.format(operation=operation))
    match operation:
        case "invoke" | "apply-guardrail":
            return None
        case "invoke-with-response-stream":
            return validation_error("The model is unsupported for streaming.")
        case "converse" | "converse-stream":
            return validation_error(
                "This action doesn't support the model that you provided. Try again with a supported text or chat model."
            )
        case "count-tokens":
            return validation_error("The provided model doesn't support counting tokens.")


def authentication_error(headers: Iterable[tuple[bytes, bytes]]) -> ServiceError | None:
    """None if some credentials came along: a SigV4 signature or a bearer token. Nothing is verified."""
    value = next((value for name, value in headers if name == b"authorization"), b"")
    if not value.strip():
        return ServiceError("MissingAuthenticationTokenException")
    scheme, _, rest = value.strip().partition(b" ")
    if rest and (scheme == b"Bearer" or scheme.startswith(b"AWS4-")):
        return None
    return ServiceError("UnrecognizedClientException")


def region_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The Region that a request is meant for: of its signature's credential scope, which a real endpoint insists on.

    A bearer token names none; such a request counts as one to us-east-1, as the model list does.
    """
    value = next((value for name, value in headers if name == b"authorization"), b"")
    scope = _SCOPE.search(value)
    return DEFAULT_REGION if scope is None else scope["region"].decode("latin-1")


def error_headers(error: ServiceError, request_id: str) -> Headers:
    """Headers of an error answer; SDKs take the class of the exception from `x-amzn-errortype`."""
    return (
        (b"content-type", b"application/json"),
        (b"x-amzn-requestid", request_id.encode()),
        (b"x-amzn-errortype", (error.code + ERROR_TYPE_SUFFIX).encode()),
    )


def success_headers(request_id: str, latency_ms: int, engine: str) -> Headers:
    """Headers of an image answer.

    Args:
        request_id: a UUID.
        latency_ms: milliseconds from the arrival of the request to its answer.
        engine: name of the picture engine. The header that carries it is ours: it says that no model made these pictures.
    """
    return (
        (b"content-type", b"application/json"),
        (b"x-amzn-requestid", request_id.encode()),
        (b"x-amzn-bedrock-invocation-latency", str(latency_ms).encode()),
        (b"x-darkroom-local-preview", engine.encode()),
    )
