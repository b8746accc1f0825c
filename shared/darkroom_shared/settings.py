"""Every setting of darkroom, read from the environment once, by an entry point, and handed down.

Names are `DARKROOM_<FIELD>` unless a field names another variable.
Durations are ISO 8601 (`PT90S`, `P7D`) or plain seconds (`90`, `1.5`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from darkroom_shared.contract.job_record import AUTO, CLASSES, IfLate, Substitute
from darkroom_shared.core.addresses import networks
from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.core.guardrail import GATES, RULE, Gate, is_guardrail
from darkroom_shared.models.catalogue import profile_regions
from darkroom_shared.models.custom import custom_model, find_any_model
from darkroom_shared.models.model import Model
from darkroom_shared.models.price_file import PriceFileError, read_prices
from darkroom_shared.models.prices import BUILT_IN, PriceBook

_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]+)?")
NOTHING = timedelta(0)
QUEUE = "darkroom"
"""Queue of the broker that serves every lane."""


class Quota(BaseModel):
    """What the settings say of a quota; what is left out is taken from AWS or the catalogue.

    In JSON a plain number stands for `rpm`, and null for `{"unknown": true}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rpm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Requests a minute."""
    unknown: bool = False
    """Whatever AWS or the catalogue say: learn the rate from a low start."""
    concurrency: int | None = Field(default=None, ge=1)
    """Most calls in flight."""
    tokens_per_minute: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if value is None:
            return {"unknown": True}
        return {"rpm": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


Quotas = Literal["off"] | dict[str, Quota]
Words = Annotated[tuple[str, ...], NoDecode]
"""In the environment: words with commas between."""


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

    search_url: str = ""
    """Server that keeps the image search's vectors: one with a search module. Empty: the ledger's, if it has one, else files."""
    search_folder: str = ""
    """Folder of the image search's vectors, as files. Empty: `search` in `home`, where no server keeps them."""

    region: str = Field(
        default="us-east-1", validation_alias=AliasChoices("DARKROOM_REGION", "AWS_REGION", "AWS_DEFAULT_REGION", "region")
    )
    """Region of the calls, unless a job names one."""
    regions: Words = ()
    """Further Regions that a job may go to if it names none, best first: where the first refuses, the next takes over."""
    residency: Words = ()
    """Beginnings of Region names, such as `eu-`: calls go nowhere else. Empty: no restriction."""
    bedrock_url: str = Field(
        default="", validation_alias=AliasChoices("DARKROOM_BEDROCK_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "bedrock_url")
    )
    """Another Bedrock runtime endpoint, such as the local one. Empty: AWS."""
    default_model: str = "amazon.nova-canvas-v1:0"
    """Model of a job that names none: an id, or `auto` for the best living one."""
    vision_model: str = AUTO
    """The same for a job that looks at pictures, such as a check, where the model of the images cannot do it."""
    custom_models: Annotated[dict[str, str], NoDecode] = {}
    """As JSON: the base model's id by the ARN of Provisioned Throughput, so that the ARN can be named as a model."""
    substitute: Substitute = "never"
    """Whether another model may do a job whose model is past its end of life or does not know the task: `never`, `equivalent` or
    `approximate`."""
    quotas: Annotated[Quotas, NoDecode] = {}
    """As JSON, by model id or by pool (`region/model id`): requests a minute, null for unknown, or an object with `rpm`,
    `concurrency`, `tokens_per_minute`; above what AWS says and the catalogue has. `off`: no pacing until the service refuses
    something."""
    prices: Path | None = None
    """A JSON file of prices that come before the built-in ones; `darkroom prices` shows those in force. None: the built-in ones."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Part of every quota that is for this ledger; the rest is left to other programs of the account."""
    floors: Annotated[dict[str, float], NoDecode] = {"standard": 0.2, "bulk": 0.1}
    """As JSON: least share of a lane's calls that a class gets while it waits, whatever is more urgent."""
    if_late: IfLate = "warn"
    """What a submit does if its deadline is likely to be missed: `refuse`, `warn` or `ignore`."""
    reuse: bool = True
    """Whether jobs take over the results of equal ones (same tenant, request, pictures and seed) where nothing else is said."""
    advice: bool = True
    """Whether a submit tells what the models' documents advise against in its prompts."""
    time_scale: float = Field(default=1.0, gt=0, le=1000)
    """For tests: quota seconds in a second, as the local endpoint's `--time-scale`."""

    tenant: str = "default"
    """Tenant of a job that names none."""
    private_networks: str = ""
    """Private networks to which webhooks may go, by plain HTTP too, with commas between, e.g. `10.0.0.0/8`. Empty: none."""
    guardrail: str = ""
    """Bedrock guardrail, `ID:VERSION`, that workers send with the calls whose job and tenant name none. Empty: none."""
    guardrail_gates: Annotated[tuple[Gate, ...], NoDecode] = ()
    """What workers ask a call's guardrail about besides the call: `prompt`, `input` (pictures), `output` (pictures). A job may add
    to them."""
    retention: timedelta = Field(default=timedelta(days=7), ge=NOTHING)
    """How long a finished job's records and pictures are kept."""
    dead_letter_retention: timedelta = Field(default=timedelta(days=30), ge=NOTHING)
    """How long a failed job waits for a person, if that is longer than `retention`."""
    idempotency_life: timedelta = Field(default=timedelta(hours=24), gt=NOTHING)
    """How long an idempotency key is remembered."""

    slots: int = Field(default=100, ge=1, le=1000)
    """Calls in flight in one worker process."""
    lanes: Words = ()
    """Lanes (model ids, or `local`) that this worker is dedicated to; empty: all. Workers with the same choice share a queue."""
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

    _price_book: PriceBook = PrivateAttr(default_factory=lambda: BUILT_IN)

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

    @field_validator("spend_per_day", "prices", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("quotas", "floors", "custom_models", mode="before")
    @classmethod
    def _json(cls, value: object) -> object:
        if isinstance(value, str) and value != "off":
            import json

            return json.loads(value or "{}")
        return value

    @field_validator("private_networks")
    @classmethod
    def _networks(cls, value: str) -> str:
        networks(value)
        return value

    @field_validator("guardrail")
    @classmethod
    def _guardrail(cls, value: str) -> str:
        if value and not is_guardrail(value):
            raise ValueError(f"{value[:80]!r} is no guardrail; {RULE}")
        return value

    @field_validator("guardrail_gates")
    @classmethod
    def _each_gate_once(cls, value: tuple[Gate, ...]) -> tuple[Gate, ...]:
        return tuple(gate for gate in GATES if gate in value)

    @field_validator("regions", "residency", "lanes", "guardrail_gates", mode="before")
    @classmethod
    def _commas(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("floors")
    @classmethod
    def _floors(cls, value: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(set(value) - set(CLASSES)):
            raise ValueError(f"there is no class {unknown[0]!r}; classes are {', '.join(CLASSES)}")
        if any(not 0 <= share <= 1 for share in value.values()) or sum(value.values()) >= 1:
            raise ValueError("floors lie between 0 and 1, and their sum below 1: the most urgent class needs the rest")
        return value

    @field_validator("custom_models")
    @classmethod
    def _can_be_called(cls, value: dict[str, str]) -> dict[str, str]:
        try:
            for arn, base in value.items():
                custom_model(arn, base)
        except UnknownModel as error:
            raise ValueError(str(error)) from error
        return value

    @model_validator(mode="after")
    def _times_nest(self) -> Self:
        if self.heartbeat * 2 > self.lease:
            raise ValueError(f"heartbeat ({self.heartbeat}) must be at most half of lease ({self.lease})")
        if self.connect_timeout >= self.read_timeout:
            raise ValueError(f"connect_timeout ({self.connect_timeout}) must be below read_timeout ({self.read_timeout})")
        return self

    @model_validator(mode="after")
    def _prices_are_readable(self) -> Self:
        if self.prices is not None:
            try:
                self._price_book = read_prices(self.prices.expanduser().read_text(encoding="utf-8"))
            except PriceFileError as error:
                raise ValueError(f"prices in {self.prices}, {error}") from error
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
                raise ValueError(f"prices in {self.prices} cannot be read: {reason}") from error
        return self

    @property
    def price_book(self) -> PriceBook:
        """What calls cost, as read when the settings were made."""
        return self._price_book

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

    def find_model(self, model_id: str, regions: Sequence[str] = ()) -> Model:
        """The model that an id or ARN names, those of `custom_models` included; `regions` as for the catalogue.

        Raises:
            UnknownModel.
        """
        return find_any_model(model_id, self.custom_models, regions)

    @property
    def fine_tuned(self) -> tuple[Model, ...]:
        """The models of `custom_models`."""
        return tuple(custom_model(arn, base) for arn, base in self.custom_models.items())

    def quota(self, pool: str, model_id: str) -> Quota:
        """What `quotas` says of a pool, else of its model."""
        return Quota() if self.quotas == "off" else self.quotas.get(pool) or self.quotas.get(model_id) or Quota()

    @property
    def class_floors(self) -> dict[str, float]:
        """Every class, most urgent first, with its floor."""
        return {name: self.floors.get(name, 0.0) for name in CLASSES}

    @property
    def queue(self) -> str:
        """Queue of the broker that this worker reads."""
        return f"{QUEUE}.{'+'.join(sorted(self.lanes))}" if self.lanes else QUEUE

    def may_go_to(self, region: str) -> bool:
        """Whether `residency` lets calls go to a Region."""
        return not self.residency or region.startswith(self.residency)

    def may_run(self, model_id: str) -> bool:
        """Whether `residency` allows every place where a call to this id may run: for a profile, all of its geography."""
        places = profile_regions(model_id)
        return not self.residency or all(place.startswith(self.residency) for place in places)

    @property
    def spend_per_day_microusd(self) -> int | None:
        """`spend_per_day` in the ledger's unit."""
        return None if self.spend_per_day is None else round(self.spend_per_day * 1_000_000)

    @property
    def is_local_bedrock(self) -> bool:
        """True if calls go to another endpoint than AWS's."""
        return bool(self.bedrock_url) and ".amazonaws.com" not in self.bedrock_url
