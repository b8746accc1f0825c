"""The options of a submit: their types, what is allowed, and what they mean in the ledger's terms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypedDict, cast

from darkroom_shared.contract.job_record import AUTO, CACHES, CLASSES, Cache, IfLate, JobClass, OnUnknown, Substitute
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.guardrail import GATES, RULE, Gate, is_guardrail
from darkroom_shared.core.problems import Problem
from darkroom_shared.plan.route import ALLOWED
from darkroom_shared.settings import Settings

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
MOST_METADATA: Final = 50
LONGEST_METADATA: Final = 512
MOST_REGIONS: Final = 10
LONGEST_KEY: Final = 255
MOST_REROLLS: Final = 10
WORD_RULE: Final = "1-64 letters, digits, '.', '_', '@', '-'"
FARTHEST: Final = timedelta(days=366)
"""How far ahead a job may be put; what lies farther is a slip, and its record would be kept all that time."""
_FARTHEST_MS: Final = round(FARTHEST.total_seconds() * 1000)


class SubmitOptions(TypedDict, total=False):
    """How a job is delivered, as keyword arguments of `submit` and `chain`. An option that is None counts as left out."""

    model: str | None
    """Model id or ARN, or `auto` for the best living one; the settings' `default_model` if left out."""
    substitute: Substitute | None
    """Whether another model may do it, if the named one is past its end of life or does not know the task: `never`, `equivalent`
    (everything that can be checked holds) or `approximate`. The settings' if left out; `equivalent` for the model `auto`."""
    region: str | None
    """The one AWS Region of the calls; without it and without `regions`, the settings' Regions."""
    regions: Sequence[str] | None
    """The AWS Regions that the calls may go to, best first: where one cannot take a call at once, the next does."""
    tenant: str | None
    """Whose job it is, for fair shares: 1-64 letters, digits, `.`, `_`, `@`, `-`; the settings' if left out."""
    job_class: JobClass | None
    """`interactive`, `standard` (default) or `bulk`: a more urgent class goes first."""
    idempotency_key: str | None
    """1-255 characters. The same key and request again (within the settings' `idempotency_life`) give the same job."""
    metadata: Mapping[str, str] | None
    """At most 50 pairs that come back with the job; names up to 64, values up to 512 characters."""
    not_before: datetime | None
    """Earliest start, at most 366 days ahead; aware of its time zone."""
    start_within: timedelta | None
    """The job expires, at no cost, if it has not started this long (at most 366 days) after now or `not_before`."""
    finish_by: datetime | None
    """The job expires if no call could start by then (at most 366 days ahead); aware of its time zone. A call under way goes on."""
    if_late: IfLate | None
    """What happens if `start_within` or `finish_by` would probably be missed: `refuse`, `warn` or `ignore`; the settings' if left
    out."""
    on_unknown: OnUnknown | None
    """What follows a call that may have been billed without an answer: `retry` (default: at most one more), or `hold` (it waits
    for `resolve`, also beyond `finish_by`)."""
    guardrail: str | None
    """The Bedrock guardrail of its calls, `ID:VERSION`: an id or an ARN, and a version from 1 to 99999999 or DRAFT. The tenant's or
    the workers' if left out."""
    cache: Cache | None
    """Whether the result of an equal job of the same tenant is taken over, which costs nothing: `use` (default; only if a seed is
    given, or none is needed), `no-cache` (made anew, and kept for others), `no-store` (made anew, shared with nobody),
    `only-if-cached` (the job ends as canceled if there is none)."""
    checks: Sequence[str | Mapping[str, object]] | None
    """Automatic checks of each picture that is made, by name or with fields of their own: `blank`, `near_uniform`, `wrong_size`,
    `change_outside_mask`, `missing_alpha`, `near_duplicate` (see `contract.checks`). A picture that does not pass is not delivered;
    it is paid."""
    rerolls: int | None
    """How often (0 to 10, all pictures together) what does not pass the checks is made again with another seed; each is paid."""
    guardrail_gates: Sequence[Gate] | None
    """What the guardrail is asked about besides the calls: `prompt` and `input` (texts and pictures, before a call is paid),
    `output` (each picture that was made, before it is stored). Those of the workers' settings come on top."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Checked options. Instants are milliseconds since the epoch, 0 for none."""

    model: str
    """A model id or ARN, or `auto`."""
    regions: tuple[str, ...]
    """Where the calls may go, best first; at least one."""
    tenant: str
    job_class: JobClass
    idempotency_key: str | None
    metadata: dict[str, str]
    not_before_ms: int
    start_by_ms: int
    finish_by_ms: int
    on_unknown: OnUnknown = "retry"
    if_late: IfLate = "warn"
    substitute: Substitute = "never"
    guardrail: str = ""
    guardrail_gates: tuple[Gate, ...] = ()
    model_named: bool = True
    """Whether the caller named the model: then no other setting does."""
    regions_named: bool = False
    """Whether the caller named the Regions: then no other model's Regions are added."""
    cache: Cache = "use"
    submitted_ms: int = 0
    """The moment of the submit."""
    checks: tuple[str | Mapping[str, object], ...] = ()
    rerolls: int = 0

    @property
    def region(self) -> str:
        """Where the calls go first."""
        return self.regions[0]

    @property
    def deadline_ms(self) -> int:
        """Until when the job must start; 0 if it may take its time."""
        return min((at for at in (self.start_by_ms, self.finish_by_ms) if at), default=0)


def delivery(options: SubmitOptions, settings: Settings, now_ms: int) -> Delivery:
    """The options with the settings' defaults.

    Raises:
        InvalidRequest: all that is wrong with them; pointers are `/options/<name>`.
    """
    findings = _findings(options, now_ms)
    regions = _regions(options, settings)
    if _is_tuned(options, settings) and options.get("substitute") in ("equivalent", "approximate"):
        findings.append(("substitute", "no other model knows the subject of a fine-tuned one", ["never"]))
    if not any(name in ("region", "regions") for name, _, _ in findings):
        findings += _placement(options, regions, settings)
    problems = [Problem(f"/options/{name}", message, allowed) for name, message, allowed in findings]
    if problems:
        raise InvalidRequest(problems)
    not_before = _ms(options.get("not_before"))
    within = options.get("start_within")
    start_by = 0 if within is None else max(now_ms, not_before) + round(within.total_seconds() * 1000)
    return Delivery(
        model=options.get("model") or settings.default_model,
        regions=regions,
        tenant=options.get("tenant") or settings.tenant,
        job_class=options.get("job_class") or "standard",
        idempotency_key=options.get("idempotency_key"),
        metadata=dict(options.get("metadata") or {}),
        not_before_ms=not_before,
        start_by_ms=start_by,
        finish_by_ms=_ms(options.get("finish_by")),
        on_unknown=options.get("on_unknown") or "retry",
        if_late=options.get("if_late") or settings.if_late,
        substitute=options.get("substitute") or usual_substitute(options.get("model") or settings.default_model, settings),
        guardrail=options.get("guardrail") or "",
        guardrail_gates=tuple(gate for gate in GATES if gate in (options.get("guardrail_gates") or ())),
        model_named=options.get("model") is not None,
        regions_named=bool(options.get("region") or options.get("regions")),
        cache=options.get("cache") or ("use" if settings.reuse else "no-store"),
        submitted_ms=now_ms,
        checks=tuple(options.get("checks") or ()),
        rerolls=options.get("rerolls") or 0,
    )


def no_checks(options: SubmitOptions) -> None:
    """Refuses checks where there are several steps. Raises InvalidRequest."""
    if options.get("checks"):
        message = "of a chain or a workflow each step has checks of its own"
        raise InvalidRequest([Problem("/options/checks", message, "`checks` and `rerolls` at a step of a workflow's document")])


def _is_tuned(options: SubmitOptions, settings: Settings) -> bool:
    return (options.get("model") or settings.default_model) in settings.custom_models


def usual_substitute(model: str, settings: Settings) -> Substitute:
    """Whether another model may do it, where nothing is said of that."""
    if model in settings.custom_models:
        return "never"
    if settings.substitute != "never":
        return settings.substitute
    return "equivalent" if model == AUTO else "never"


def _regions(options: SubmitOptions, settings: Settings) -> tuple[str, ...]:
    """Where the job may go: what it names, else the settings' Regions as far as `residency` allows them."""
    if one := options.get("region"):
        return (one,)
    if several := options.get("regions"):
        return tuple(dict.fromkeys(several))
    known = dict.fromkeys((settings.region, *settings.regions))
    return tuple(region for region in known if settings.may_go_to(region)) or (settings.region,)


def _placement(options: SubmitOptions, regions: Sequence[str], settings: Settings) -> _Findings:
    if options.get("region") and options.get("regions"):
        return [("regions", "region and regions are both given", "one of the two")]
    name = "regions" if options.get("regions") else "region"
    allowed = f"Regions that begin with {', '.join(settings.residency)}"
    return [(name, f"{region} is outside the residency", allowed) for region in regions if not settings.may_go_to(region)]


def _ms(instant: datetime | None) -> int:
    return 0 if instant is None else round(instant.timestamp() * 1000)


_Findings = list[tuple[str, str, str | list[str]]]

_TYPES: Final[Mapping[str, tuple[type, str]]] = {
    "model": (str, "a text"),
    "region": (str, "a text"),
    "tenant": (str, "a text"),
    "idempotency_key": (str, "a text"),
    "guardrail": (str, RULE),
    "metadata": (Mapping, "a mapping of texts to texts"),
    "not_before": (datetime, "a datetime with its time zone"),
    "start_within": (timedelta, "a timedelta"),
    "finish_by": (datetime, "a datetime with its time zone"),
}


def is_word(text: str) -> bool:
    """True for what may name a tenant or a Region: 1-64 letters, digits, `.`, `_`, `@`, `-`, the first a letter or digit."""
    return _WORD.fullmatch(text) is not None


def _findings(options: SubmitOptions, now_ms: int) -> _Findings:
    given = cast("Mapping[str, object]", options)
    names = sorted(SubmitOptions.__annotations__)
    found: _Findings = [(name, f"there is no option {name[:80]!r}", names) for name in sorted(set(given) - set(names))]
    for name, (kind, allowed) in _TYPES.items():
        value = given.get(name)
        if value is not None and not isinstance(value, kind):
            found.append((name, f"a {type(value).__name__} is no {name}", allowed))
    if given.get("job_class") not in (None, *CLASSES):
        found.append(("job_class", f"{str(given.get('job_class'))[:80]!r} is no class", list(CLASSES)))
    if given.get("on_unknown") not in (None, "retry", "hold"):
        found.append(("on_unknown", f"{str(given.get('on_unknown'))[:80]!r} is no policy", ["retry", "hold"]))
    if given.get("substitute") not in (None, *ALLOWED):
        found.append(("substitute", f"{str(given.get('substitute'))[:80]!r} is no policy", list(ALLOWED)))
    if given.get("cache") not in (None, *CACHES):
        found.append(("cache", f"{str(given.get('cache'))[:80]!r} is no policy", list(CACHES)))
    if given.get("cache") == "only-if-cached" and given.get("not_before") is not None:
        found.append(("cache", "a job that begins later cannot be only-if-cached", [name for name in CACHES if name[0] != "o"]))
    if given.get("if_late") not in (None, "refuse", "warn", "ignore"):
        found.append(("if_late", f"{str(given.get('if_late'))[:80]!r} is no policy", ["refuse", "warn", "ignore"]))
    if given.get("regions") is not None and not _is_list_of_texts(given.get("regions"), MOST_REGIONS):
        found.append(("regions", "it is no list of Regions", f"a list of 1-{MOST_REGIONS} texts"))
    found += _checks(given)
    gates = given.get("guardrail_gates")
    if gates is not None and not (_is_list_of_texts(gates, len(GATES)) and set(cast("Sequence[object]", gates)) <= set(GATES)):
        found.append(("guardrail_gates", f"{str(gates)[:80]!r} is no list of gates", list(GATES)))
    wrong = {name for name, _, _ in found}
    right = cast("SubmitOptions", {name: value for name, value in given.items() if name not in wrong})
    return found + _words(right) + _metadata(right.get("metadata") or {}) + _times(right, now_ms)


def _checks(given: Mapping[str, object]) -> _Findings:
    found: _Findings = []
    rerolls = given.get("rerolls")
    if rerolls is not None and not (isinstance(rerolls, int) and not isinstance(rerolls, bool) and 0 <= rerolls <= MOST_REROLLS):
        found.append(("rerolls", f"{str(rerolls)[:80]!r} is no number of rerolls", f"a whole number from 0 to {MOST_REROLLS}"))
    elif rerolls and not given.get("checks"):
        found.append(("rerolls", "without checks there is nothing to make again", "checks beside it"))
    checks = given.get("checks")
    if checks is not None and not isinstance(checks, list | tuple):
        found.append(("checks", f"a {type(checks).__name__} is no list of checks", "a list of names or objects"))
    return found


def _is_list_of_texts(value: object, most: int) -> bool:
    items = list(cast("Sequence[object]", value)) if isinstance(value, list | tuple) else []
    return 0 < len(items) <= most and all(isinstance(item, str) for item in items)


def _words(options: SubmitOptions) -> _Findings:
    found: _Findings = []
    regions = [("regions", region) for region in options.get("regions") or ()]
    for name, word in [("tenant", options.get("tenant")), ("region", options.get("region")), *regions]:
        if word is not None and not is_word(word):
            found.append((name, f"{word[:80]!r} is no {name.removesuffix('s')}", WORD_RULE))
    guardrail = options.get("guardrail")
    if guardrail is not None and not is_guardrail(guardrail):
        found.append(("guardrail", f"{guardrail[:80]!r} is no guardrail", RULE))
    key = options.get("idempotency_key")
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        found.append(("idempotency_key", f"the key has {len(key)} characters", f"1-{LONGEST_KEY} characters"))
    elif key is not None and not _is_unicode(key):
        found.append(("idempotency_key", "the key holds half a character (a lone surrogate)", "Unicode text"))
    return found


def _is_unicode(text: str) -> bool:
    """False for a text with lone surrogates, which no encoding can store."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _metadata(pairs: Mapping[str, str]) -> _Findings:
    found: _Findings = []
    if len(pairs) > MOST_METADATA:
        found.append(("metadata", f"there are {len(pairs)} pairs", f"at most {MOST_METADATA}"))
    parts = cast("list[object]", [*pairs, *pairs.values()])
    texts = all(isinstance(part, str) for part in parts)
    if not texts or any(len(name) > 64 or len(value) > LONGEST_METADATA for name, value in pairs.items()):
        found.append(("metadata", "a pair is too long or no text", f"names up to 64, values up to {LONGEST_METADATA} characters"))
    elif not all(_is_unicode(part) for part in [*pairs, *pairs.values()]):
        found.append(("metadata", "a pair holds half a character (a lone surrogate)", "Unicode text"))
    return found


def _times(options: SubmitOptions, now_ms: int) -> _Findings:
    found: _Findings = []
    for name, instant in (("not_before", options.get("not_before")), ("finish_by", options.get("finish_by"))):
        if instant is None:
            continue
        if instant.utcoffset() is None:
            found.append((name, "the instant has no time zone", "e.g. datetime.now(UTC) + timedelta(minutes=10)"))
        elif _ms(instant) > now_ms + _FARTHEST_MS:
            found.append((name, "it lies too far ahead", f"at most {FARTHEST.days} days from now"))
    comparable = not found
    within = options.get("start_within")
    if within is not None and not timedelta(0) < within <= FARTHEST:
        found.append(("start_within", f"{within} is no time to start in", f"more than 0, at most {FARTHEST.days} days"))
    finish_by = _ms(options.get("finish_by")) if comparable else 0
    if finish_by and finish_by <= max(now_ms, _ms(options.get("not_before"))):
        found.append(("finish_by", "it lies before the earliest start", "an instant after now and not_before"))
    return found
