"""What AWS and its SDK raise when they are asked something, as errors that say who must do what.

The adapters that ask are `quotas.aws`, `lifecycles.aws` and `tuning.aws`: like this module they need boto3, which a client does not
have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

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

from darkroom_shared.core.errors import Misconfigured, Unavailable

CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=20,
    # Everything that is asked may be repeated, and these services refuse more than a few requests a second.
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


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of AWS, in the words of its errors.

    Attributes:
        service: `Service Quotas`.
        what: `quotas`: what is asked for.
        rights: `servicequotas`: what its permissions begin with.
        command: whose `--help` names the permissions.
        credentials: what to do about missing ones.
    """

    service: str
    what: str
    rights: str
    command: str
    credentials: str = "Set AWS_PROFILE, an access key or a role, as for any AWS program."

    @contextlib.contextmanager
    def told(self, region: str) -> Generator[None]:
        """Around requests to a Region.

        Raises:
            Misconfigured: no credentials, no right to ask, or no such Region; the text says how to mend it.
            Unavailable: the service cannot be reached, or refuses for now.
        """
        try:
            yield
        except ClientError as error:
            raise self._refused(region, error) from error
        except (
            NoCredentialsError,
            PartialCredentialsError,
            CredentialRetrievalError,
            TokenRetrievalError,
            SSOError,
            ProfileNotFound,
        ) as error:
            raise Misconfigured(f"Asking for {self.what} needs AWS credentials: {_sentence(error)} {self.credentials}") from error
        except EndpointConnectionError as error:
            if not _is_known(region):
                raise Misconfigured(f"There is no {self.service} in {region}. Is that an AWS Region?") from error
            raise Unavailable(f"{self.service} in {region} cannot be reached: {_sentence(error)}") from error
        except (BotoCoreError, OSError) as error:
            raise Unavailable(f"{self.service} in {region} gave no answer: {_sentence(error)}") from error
        except ValueError as error:  # a Region that can be no host name, an endpoint that is no URL
            raise Misconfigured(f"{self.service} in {region} cannot be asked: {_sentence(error)}") from error

    def _refused(self, region: str, error: ClientError) -> Misconfigured | Unavailable:
        code, said = error_of(error)
        told = f"{code}: {said}".rstrip(": .")
        if code in _NOT_ALLOWED:
            return Misconfigured(
                f"AWS does not allow {self.rights}:{error.operation_name} in {region} ({told}). The credentials need that right; "
                f"`{self.command} --help` names what is used."
            )
        if code in _NOT_KNOWN:
            return Misconfigured(f"AWS does not accept the credentials in {region} ({told}). {self.credentials}")
        return Unavailable(f"{self.service} in {region} refused for now ({told}). Try again in a minute.")


def error_of(error: ClientError) -> tuple[str, str]:
    """AWS's name of an error, and its text."""
    details = error.response.get("Error", {})
    return details.get("Code", ""), details.get("Message", "")


def _is_known(region: str) -> bool:
    session = boto3.session.Session()
    return any(region in session.get_available_regions("ec2", partition) for partition in session.get_available_partitions())


def _sentence(error: Exception) -> str:
    return f"{str(error).strip().rstrip('.')}."
