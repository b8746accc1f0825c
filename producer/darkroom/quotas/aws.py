"""Asks AWS Service Quotas what an account may do with Bedrock.

Credentials and endpoint come from where the SDK looks (`AWS_PROFILE`, roles, `AWS_ENDPOINT_URL_SERVICE_QUOTAS`). Needs the rights
servicequotas:ListServiceQuotas and servicequotas:ListAWSDefaultServiceQuotas. Reading quotas is free.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Final

import boto3
from botocore.exceptions import ClientError

from darkroom.aws import CONFIG, Asking, error_of
from darkroom.quotas.names import ListedQuota
from darkroom_shared.core.errors import Misconfigured

if TYPE_CHECKING:
    from mypy_boto3_service_quotas.type_defs import ServiceQuotaTypeDef

SERVICE: Final = "bedrock"
PAGE: Final = 100
"""Most that Service Quotas gives at once; Bedrock has several hundred quotas in a Region."""
_ASKING: Final = Asking(
    "Service Quotas",
    "quotas",
    "servicequotas",
    "darkroom quotas sync",
    "Set AWS_PROFILE, an access key or a role, as for any AWS program. "
    "A Bedrock API key (AWS_BEARER_TOKEN_BEDROCK) is of no use here.",
)


def listed_quotas(region: str) -> list[ListedQuota]:
    """Every quota of Bedrock in a Region: the account's own values, and AWS's defaults for the others.

    Raises:
        Misconfigured: no credentials, no right to ask, or no such Region; the text says how to mend it.
        Unavailable: Service Quotas cannot be reached, or refuses for now.
    """
    with _ASKING.told(region), _offered(region):
        # A session of its own: boto3's default one would keep the credentials of the first call.
        client = boto3.session.Session().client("service-quotas", region_name=region, config=CONFIG)
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
def _offered(region: str) -> Generator[None]:
    try:
        yield
    except ClientError as error:
        code, said = error_of(error)
        if code != "NoSuchResourceException":
            raise
        told = f"{code}: {said}".rstrip(": .")
        raise Misconfigured(f"AWS has no quotas of Bedrock in {region} ({told}). Is it offered there?") from error
