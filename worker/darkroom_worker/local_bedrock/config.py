"""How the endpoint behaves: everything that can be set, checked. Reads neither the command line nor the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from darkroom_shared.core.guardrail import is_guardrail
from darkroom_shared.models.model import Model
from darkroom_worker.local_bedrock.faults import Fault
from darkroom_worker.local_bedrock.quotas import QuotaKind

LOCAL_GUARDRAIL = "localguard"
"""The guardrail that there always is."""
EngineName = Literal["procedural", "canned"]


@dataclass(frozen=True, slots=True)
class Config:
    """What the endpoint is told at its start.

    Attributes:
        host: address to listen on; only a loopback address unless allow_remote, as nothing is verified and the log is open.
        port: TCP port; 0 takes a free one.
        engine: who makes the pictures.
        processes: processes of the procedural engine.
        quotas: requests a minute by model id (in each Region) or `region/model id` (in one); what is missing has no limit.
        quota_kind: how they are counted.
        time_scale: quota seconds, and seconds of a fine-tuning job, in a real second.
        latency_s: least and greatest time from arrival to an image answer, in seconds; drawn evenly between them.
        faults: faults in force from the start.
        end_of_life: ids of models that answer as models past their end of life.
        legacy_idle: ids of models that answer as Legacy models whose account was idle too long.
        guardrails: ids of the guardrails that there are.
        custom: models that provisioned ARNs answer as, by ARN.
        log: JSONL file to append every request to.
        patience_s: how long a client may take to send a request, and to take its answer, in seconds.
        seed: of every random draw (latency, faults, seeds of pictures that a body leaves to the service).
    """

    host: str = "127.0.0.1"
    port: int = 0
    allow_remote: bool = False
    engine: EngineName = "procedural"
    processes: int = 2
    quotas: Mapping[str, float] = field(default_factory=dict[str, float])
    quota_kind: QuotaKind = "token-bucket"
    time_scale: float = 1.0
    latency_s: tuple[float, float] = (0.0, 0.0)
    faults: tuple[Fault, ...] = ()
    end_of_life: frozenset[str] = frozenset()
    legacy_idle: frozenset[str] = frozenset()
    guardrails: frozenset[str] = frozenset((LOCAL_GUARDRAIL,))
    custom: Mapping[str, Model] = field(default_factory=dict[str, Model])
    log: Path | None = None
    patience_s: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what cannot work.

        Raises:
            ValueError: with a sentence for the person who set it.
        """
        if not self.allow_remote and not is_loopback(self.host):
            raise ValueError(
                f"{self.host} can be reached from other machines; the local endpoint checks no signatures. Listen on 127.0.0.1, or"
                " say --allow-remote (a container needs it)"
            )
        if wrong := sorted(name for name in self.guardrails if not is_guardrail(f"{name}:1") or ":" in name):
            raise ValueError(f"--guardrail takes an id of a-z and 0-9, not {wrong[0][:80]}")
        low, high = self.latency_s
        if not 0 <= low <= high:
            raise ValueError(f"a latency is one number of seconds or LOW-HIGH, not {low:g}-{high:g}")
        if self.processes < 1 or self.time_scale <= 0 or self.patience_s <= 0:
            raise ValueError("--processes, --time-scale and --patience must be above 0")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address; a name other than `localhost` counts as remote."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse_latency(text: str) -> tuple[float, float]:
    """Reads `SECONDS` or `LOW-HIGH`.

    Raises:
        ValueError: it is neither.
    """
    low, dash, high = text.partition("-")
    try:
        return float(low), float(high if dash else low)
    except ValueError:
        raise ValueError(f"{text!r} is neither SECONDS nor LOW-HIGH") from None
