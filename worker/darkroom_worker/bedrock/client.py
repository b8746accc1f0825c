"""Sends one request to Bedrock and returns the answer's bytes or a Failure: one aioboto3 client per region and process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from socket import gaierror
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import ClientConnectorError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSLError,
    TokenRetrievalError,
)

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.guardrail import Guardrail
from darkroom_shared.settings import Settings
from darkroom_worker.bedrock.errors import classify, no_answer, no_connection, no_credentials, not_sent

if TYPE_CHECKING:
    from aiobotocore.response import StreamingBody
    from types_aiobotocore_bedrock_runtime.client import BedrockRuntimeClient
    from types_aiobotocore_bedrock_runtime.type_defs import GuardrailContentBlockTypeDef

MAX_ANSWER_BYTES = 25_000_000
"""The service model's cap on a body, both ways; botocore does not enforce it."""
CHUNK_BYTES = 1 << 18
Body = bytes | Mapping[str, object]
"""A request: JSON for InvokeModel; what the SDK makes JSON of, with pictures as bytes, for Converse."""
_RAW: ContextVar[list[bytes]] = ContextVar("raw answers")
"""Where the bytes of an answer of Converse go before the SDK reads them: these are the receipt."""
USER_AGENT = "darkroom"
"""The SDK would put its own together out of many parts, anew for each request, when the gate is open already."""


class _Guarded(TypedDict, total=False):
    guardrailIdentifier: str
    guardrailVersion: str
    trace: Literal["ENABLED"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What Bedrock sent back with status 200: the raw bytes and AWS's request id."""

    body: bytes
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a guardrail answered.

    Attributes:
        intervened: whether it stepped in.
        assessments: what it found, in AWS's form.
        image_units: pictures that it looked at, as AWS counts them.
        text_units: units of text, of all its policies together.
    """

    intervened: bool
    assessments: object
    image_units: int
    text_units: int


class _OpenSession(AIOHTTPSession):
    """Reads the certificates when it is opened, which takes a tenth of a second, not when the first request is to go out."""

    async def __aenter__(self) -> Self:
        opened: Any = await super().__aenter__()
        await opened._get_session(None)  # there is no public way; the version is pinned by aioboto3
        return self


class BedrockClient:
    """Makes the calls of one process. Belongs to the loop it is first used on.

    Exactly one HTTP request an attempt (`total_max_attempts=1`): the SDK's own retries would pay twice behind the ledger's back.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = aioboto3.Session()
        self._stack = AsyncExitStack()
        self._clients: dict[str, BedrockRuntimeClient] = {}
        self._opening = asyncio.Lock()
        self._warm: set[str] = set()

    async def _client(self, region: str) -> BedrockRuntimeClient:
        async with self._opening:
            if region not in self._clients:
                config = AioConfig(
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    connect_timeout=self._settings.connect_timeout.total_seconds(),
                    read_timeout=self._settings.read_timeout.total_seconds(),
                    tcp_keepalive=True,
                    user_agent=USER_AGENT,
                    http_session_cls=_OpenSession,
                    max_pool_connections=self._settings.slots,
                )
                context = self._session.client(
                    "bedrock-runtime", region_name=region, config=config, endpoint_url=self._settings.bedrock_url or None
                )
                client = await self._stack.enter_async_context(context)
                client.meta.events.register("before-parse.bedrock-runtime.Converse", _keep_raw)
                self._clients[region] = client
            return self._clients[region]

    async def warm(self, region: str) -> None:
        """Makes the client ready, which takes some tenths of a second the first time; what is wrong with it `ask` will say.

        It signs once for nothing: endpoint rules, credentials and signer are read when they are first used.
        """
        if region in self._warm:
            return
        with suppress(BotoCoreError, ValueError):
            client = await self._client(region)
            params = {"modelId": self._settings.default_model, "body": b"{}"}
            await client.generate_presigned_url("invoke_model", Params=params)
            self._warm.add(region)

    async def ask(self, model_id: str, region: str, body: Body, guardrail: Guardrail | None = None) -> Answer | Failure:
        """One attempt, by the operation that the body is for. Never raises for what the network or the service does.

        Args:
            body: the request, at most 25,000,000 bytes as JSON.
            guardrail: what AWS holds request and results against; its trace is asked for, which says why it stepped in.
        """
        try:
            client = await self._client(region)
        except (BotoCoreError, ValueError) as error:
            return not_sent(f"{type(error).__name__}: {error}")
        if isinstance(body, bytes):
            return await self._invoke(client, model_id, body, guardrail)
        return await self._converse(client, model_id, body, guardrail)

    async def _converse(
        self, client: BedrockRuntimeClient, model_id: str, body: Mapping[str, object], guardrail: Guardrail | None
    ) -> Answer | Failure:
        raw: list[bytes] = []
        mark = _RAW.set(raw)
        try:
            # The stubs know every field of the body; the catalogue has held it against its own schema.
            converse: Any = client.converse
            answer = await converse(modelId=model_id, **body, **_guard_config(guardrail))
        except Exception as error:
            # What came with status 200 and cannot be read is an answer all the same, and paid.
            return Answer(raw[0], None) if raw else _failure(error)
        finally:
            _RAW.reset(mark)
        return Answer(raw[0], answer["ResponseMetadata"].get("RequestId"))

    async def _invoke(
        self, client: BedrockRuntimeClient, model_id: str, body: bytes, guardrail: Guardrail | None
    ) -> Answer | Failure:
        try:
            response = await client.invoke_model(
                modelId=model_id, body=body, contentType="application/json", accept="application/json", **_guarded(guardrail)
            )
            data = await _read(response["body"])
        except Exception as error:
            # Not only BotoCoreError: aiohttp's payload and protocol errors reach us bare.
            return _failure(error)
        request_id = response["ResponseMetadata"].get("RequestId")
        if len(data) > MAX_ANSWER_BYTES:
            text = f"The answer has more than {MAX_ANSWER_BYTES} bytes."
            return Failure(FailureKind.PERMANENT, "answer_too_large", text, True, None, request_id, 200)
        return Answer(data, request_id)

    async def apply_guardrail(
        self, region: str, guardrail: Guardrail, source: Literal["INPUT", "OUTPUT"], content: Sequence[GuardrailContentBlockTypeDef]
    ) -> Verdict | Failure:
        """Asks a guardrail about texts and pictures. Never raises for what the network or the service does.

        Args:
            content: at most 20 pictures, each PNG or JPEG, at most 4 MB and 8000x8000.
        """
        try:
            client = await self._client(region)
        except (BotoCoreError, ValueError) as error:
            return not_sent(f"{type(error).__name__}: {error}")
        try:
            answer = await client.apply_guardrail(
                guardrailIdentifier=guardrail.id, guardrailVersion=guardrail.version, source=source, content=content
            )
        except Exception as error:
            return _failure(error)
        usage: Mapping[str, object] = {**answer["usage"]}
        units = {name: value for name, value in usage.items() if isinstance(value, int)}
        images = units.pop("contentPolicyImageUnits", 0)
        return Verdict(answer["action"] != "NONE", answer["assessments"], images, sum(units.values()))

    async def close(self) -> None:
        """Closes the connections."""
        await self._stack.aclose()


def _keep_raw(response_dict: Mapping[str, Any], **_: object) -> None:
    """Called by the SDK with every answer of Converse, before it reads it."""
    if response_dict["status_code"] == 200:
        _RAW.get().append(response_dict["body"])


def _guard_config(guardrail: Guardrail | None) -> dict[str, object]:
    if guardrail is None:
        return {}
    told = {"guardrailIdentifier": guardrail.id, "guardrailVersion": guardrail.version, "trace": "enabled"}
    return {"guardrailConfig": told}


def _guarded(guardrail: Guardrail | None) -> _Guarded:
    if guardrail is None:
        return {}
    return {"guardrailIdentifier": guardrail.id, "guardrailVersion": guardrail.version, "trace": "ENABLED"}


async def _read(stream: StreamingBody) -> bytes:
    """The answer's bytes; of one that is too long only so many that it shows."""
    parts: list[bytes] = []
    size = 0
    async for part in stream.iter_chunks(CHUNK_BYTES):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            stream.close()
            break
    return b"".join(parts)


def _failure(error: Exception) -> Failure:
    """What broke before sending is free; whatever broke later may have been billed."""
    match error:
        case ClientError():
            return _from_client_error(error)
        case ParamValidationError():
            return not_sent(str(error))
        case NoCredentialsError() | PartialCredentialsError() | CredentialRetrievalError() | TokenRetrievalError():
            return no_credentials(str(error))
        case EndpointConnectionError() if not isinstance(error.kwargs.get("error"), ClientConnectorError | gaierror):
            # aiobotocore gives this name to a connection that was reset under a request as well.
            return no_answer(str(error))
        case EndpointConnectionError() | ConnectTimeoutError() | ProxyConnectionError() | SSLError():
            return no_connection(str(error))
        case _:
            return no_answer(f"{type(error).__name__}: {error}")


def _from_client_error(error: ClientError) -> Failure:
    details = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata")
    status = metadata["HTTPStatusCode"] if metadata else None
    request_id = metadata["RequestId"] if metadata and "RequestId" in metadata else None
    return classify(details.get("Code", ""), details.get("Message", ""), status, request_id)
