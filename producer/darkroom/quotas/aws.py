"""Asks AWS Service Quotas what an account may do with Bedrock. The client's one module that imports the AWS SDK.

Credentials and endpoint come from where the SDK looks (`AWS_PROFILE`, roles, `AWS_ENDPOINT_URL_SERVICE_QUOTAS`). Needs the rights
servicequotas:ListServiceQuotas and servicequotas:ListAWSDefaultServiceQuotas. Reading quotas is free.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from darkroom.quotas.names import ListedQuota
from darkroom_shared.core.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_service_quotas.type_defs import ServiceQuotaTypeDef

SERVICE: Final = "bedrock"
PAGE: Final = 100
"""Most that Service Quotas gives at once; Bedrock has several hundred quotas in a Region."""
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=20,
    # Reading may be repeated, and Service Quotas refuses more than a few requests a second.
    retries={"mode": "standard", "total_max_attempts": 4},
)
_NOT_ALLOWED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_NOT_KNOWN: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_CREDENTIALS: Final = (
    "Set AWS_PROFILE, an access key or a role, as for any AWS program. "
    "A Bedrock API key (AWS_BEARER_TOKEN_BEDROCK) is of no use here."
)


def listed_quotas(region: str) -> list[ListedQuota]:
    """Every quota of Bedrock in a Region: the account's own values, and AWS's defaults for the others.

    Raises:
        Misconfigured: no credentials, no right to ask, or no such Region; the text says how to mend it.
        Unavailable: Service Quotas cannot be reached, or refuses for now.
    """
    with _told(region):
        # A session of its own: boto3's default one would keep the credentials of the first call.
        client = boto3.session.Session().client("service-quotas", region_name=region, config=_CONFIG)
        with contextlib.closing(client):
            applied = [
                _listed(region, quota, is_default=False)
                for page in client.get_paginator("list_service_quotas").paginate(
                    ServiceCode=SERVICE, PaginationConfig={"PageSize": PAGE}
                )
                for quota in page["Quotas"]
            ]
            # Also those whose value cannot be said now: the default may be far above what the account has.
            own = {quota.code for quota in applied}
            defaults = [
                _listed(region, quota, is_default=True)
                for page in client.get_paginator("list_aws_default_service_quotas").paginate(
                    ServiceCode=SERVICE, PaginationConfig={"PageSize": PAGE}
                )
                for quota in page["Quotas"]
                if quota.get("QuotaCode") not in own
            ]
    return [*applied, *defaults]


def _listed(region: str, quota: ServiceQuotaTypeDef, *, is_default: bool) -> ListedQuota:
    return ListedQuota(region, quota.get("QuotaCode", ""), quota.get("QuotaName", ""), quota.get("Value"), is_default)


@contextlib.contextmanager
def _told(region: str) -> Generator[None]:
    """What AWS and its SDK raise, as a sentence that says who must do what."""
    try:
        yield
    except ClientError as error:
        raise _refused(region, error) from error
    except (
        NoCredentialsError,
        PartialCredentialsError,
        CredentialRetrievalError,
        TokenRetrievalError,
        SSOError,
        ProfileNotFound,
    ) as error:
        raise Misconfigured(f"Reading quotas needs AWS credentials: {_sentence(error)} {_CREDENTIALS}") from error
    except EndpointConnectionError as error:
        if not _is_known(region):
            raise Misconfigured(f"There is no Service Quotas in {region}. Is that an AWS Region?") from error
        raise Unavailable(f"Service Quotas in {region} cannot be reached: {_sentence(error)}") from error
    except (BotoCoreError, OSError) as error:
        raise Unavailable(f"Service Quotas in {region} gave no answer: {_sentence(error)}") from error
    except ValueError as error:  # a Region that can be no host name, an endpoint that is no URL
        raise Misconfigured(f"Quotas in {region} cannot be asked for: {_sentence(error)}") from error


def _refused(region: str, error: ClientError) -> Misconfigured | Unavailable:
    details = error.response.get("Error", {})
    code, said = details.get("Code", ""), details.get("Message", "")
    told = f"{code}: {said}".rstrip(": .")
    if code in _NOT_ALLOWED:
        return Misconfigured(
            f"AWS does not allow servicequotas:{error.operation_name} in {region} ({told}). The credentials need that right; "
            "`darkroom quotas sync --help` names both that are used."
        )
    if code in _NOT_KNOWN:
        return Misconfigured(f"AWS does not accept the credentials in {region} ({told}). {_CREDENTIALS}")
    if code == "NoSuchResourceException":
        return Misconfigured(f"AWS has no quotas of Bedrock in {region} ({told}). Is it offered there?")
    return Unavailable(f"Service Quotas in {region} refused for now ({told}). Try again in a minute.")


def _is_known(region: str) -> bool:
    session = boto3.session.Session()
    return any(region in session.get_available_regions("ec2", partition) for partition in session.get_available_partitions())


def _sentence(error: Exception) -> str:
    return f"{str(error).strip().rstrip('.')}."
