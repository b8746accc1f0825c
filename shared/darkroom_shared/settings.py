"""Every setting of darkroom, read from the environment once, by an entry point, and handed down.

Names are `DARKROOM_<FIELD>` unless a field names another variable.
Durations are ISO 8601 (`PT90S`, `P7D`) or plain seconds (`90`, `1.5`).
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import AliasChoices, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from darkroom_shared.core.quota import interval_us

_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]+)?")
NOTHING = timedelta(0)
Quotas = Literal["off"] | dict[str, float]


class Settings(BaseSettings):
    """What may differ from one deployment to the next. A value out of its range stops the program at the start."""

    model_config = SettingsConfigDict(env_prefix="DARKROOM_", frozen=True, extra="ignore", populate_by_name=True)

    home: Path = Path("~/.darkroom")
    """Folder of the embedded stack: its data, logs and `stack.json`."""
    redis_url: str = ""
    """The ledger: `redis://`, `rediss://` or `unix:///path?db=0`. Empty: the stack that `darkroom up` runs in `home`."""
    broker_url: str = ""
    """Celery's broker. Empty: the ledger's server."""
    key_prefix: str = "dr:"
    """In front of every key of the ledger."""
    assets_url: str = ""
    """Where pictures go: `file:///folder`, `redis://…` or `s3://bucket/prefix`. Empty: `store` in `home`."""

    account: str = "default"
    """A name for the AWS account in pool names; any word without `/`."""
    region: str = Field(
        default="us-east-1", validation_alias=AliasChoices("DARKROOM_REGION", "AWS_REGION", "AWS_DEFAULT_REGION", "region")
    )
    """Region of the calls, unless a job names one."""
    bedrock_url: str = Field(
        default="", validation_alias=AliasChoices("DARKROOM_BEDROCK_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "bedrock_url")
    )
    """Another Bedrock runtime endpoint, such as the local one. Empty: AWS."""
    default_model: str = "amazon.nova-canvas-v1:0"
    """Model of a job that names none."""
    quotas: Annotated[Quotas, NoDecode] = {}
    """Requests a minute by model id, as JSON, over the catalogue's numbers; `off` for no pacing at all."""

    tenant: str = "default"
    """Tenant of a job that names none."""
    retention: timedelta = Field(default=timedelta(days=7), ge=NOTHING)
    """How long a finished job's records and pictures are kept."""
    dead_letter_retention: timedelta = Field(default=timedelta(days=30), ge=NOTHING)
    """How long a failed job waits for a person, if that is longer than `retention`."""
    idempotency_life: timedelta = Field(default=timedelta(hours=24), gt=NOTHING)
    """How long an idempotency key is remembered."""

    slots: int = Field(default=100, ge=1, le=1000)
    """Calls in flight in one worker process."""
    connect_timeout: timedelta = Field(default=timedelta(seconds=5), gt=NOTHING)
    read_timeout: timedelta = Field(default=timedelta(seconds=300), gt=NOTHING)
    """How long an answer may take. AWS advises at least 300 s for image calls."""
    lease: timedelta = Field(default=timedelta(seconds=90), gt=NOTHING)
    """How long a silent worker keeps a call."""
    heartbeat: timedelta = Field(default=timedelta(seconds=15), gt=NOTHING)
    """How often leases and the worker's registration are renewed."""
    reconcile: timedelta = Field(default=timedelta(seconds=10), gt=NOTHING)
    """How often a worker looks for what crashes left behind."""
    republish: timedelta = Field(default=timedelta(seconds=30), gt=NOTHING)
    """After this time an admitted call that nobody claimed is published again."""
    call_budget: int = Field(default=3, ge=1, le=10)
    """Paid attempts of one call."""
    after_unknown: int = Field(default=1, ge=0, le=3)
    """Attempts that may follow an unknown outcome. 0: never risk paying twice."""
    spend_per_day: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Most that all calls of one UTC day may cost, in US dollars, unknown outcomes included; further calls wait. None: no limit."""
    crash_budget: int = Field(default=3, ge=1, le=10)
    """A call whose workers died this often is quarantined."""
    step_processes: int = Field(default=2, ge=1, le=16)
    """Child processes for local image steps."""
    failpoints: str = ""
    """For tests: where a process is to die, freeze or fail; the grammar is in `failpoints.py`."""

    @field_validator(
        "retention",
        "dead_letter_retention",
        "idempotency_life",
        "connect_timeout",
        "read_timeout",
        "lease",
        "heartbeat",
        "reconcile",
        "republish",
        mode="before",
    )
    @classmethod
    def _plain_seconds(cls, value: object) -> object:
        """The environment only knows texts: `90` and `1.5` are seconds there as they are in Python."""
        return float(value) if isinstance(value, str) and _SECONDS.fullmatch(value.strip()) else value

    @field_validator("spend_per_day", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("quotas", mode="before")
    @classmethod
    def _quotas(cls, value: object) -> object:
        if isinstance(value, str) and value != "off":
            import json

            return json.loads(value or "{}")
        return value

    @model_validator(mode="after")
    def _times_nest(self) -> Self:
        if self.heartbeat * 2 > self.lease:
            raise ValueError(f"heartbeat ({self.heartbeat}) must be at most half of lease ({self.lease})")
        if self.connect_timeout >= self.read_timeout:
            raise ValueError(f"connect_timeout ({self.connect_timeout}) must be below read_timeout ({self.read_timeout})")
        if "/" in self.account:
            raise ValueError("account is a word without '/'")
        return self

    @property
    def home_folder(self) -> Path:
        """`home` with `~` resolved."""
        return self.home.expanduser()

    @property
    def celery_broker_url(self) -> str:
        """The broker in the form that Celery wants: a unix socket is `redis+socket://…?virtual_host=n` there."""
        url = self.broker_url or self.redis_url
        parts = urlsplit(url)
        if parts.scheme != "unix":
            return url
        db = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair).get("db", "0")
        return f"redis+socket://{quote(parts.path)}?virtual_host={db}"

    @property
    def store_url(self) -> str:
        """Where pictures go."""
        return self.assets_url or (self.home_folder / "store").as_uri()

    def pace_us(self, model_id: str, catalogue_rpm: float) -> int:
        """Microseconds between two calls of a model: `quotas` before the catalogue's requests a minute; 0 with quotas off."""
        return 0 if self.quotas == "off" else interval_us(self.quotas.get(model_id, catalogue_rpm))

    @property
    def spend_per_day_microusd(self) -> int | None:
        """`spend_per_day` in the ledger's unit."""
        return None if self.spend_per_day is None else round(self.spend_per_day * 1_000_000)

    @property
    def is_local_bedrock(self) -> bool:
        """True if calls go to another endpoint than AWS's."""
        return bool(self.bedrock_url) and ".amazonaws.com" not in self.bedrock_url
