"""Which model's quota AWS means by a name, in all wordings that AWS uses, and which names are nobody's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.quotas.known import PoolRecord, known_quotas
from darkroom.quotas.names import Kind, ListedQuota, Measure, ModelQuota, read_name, read_quotas, unnamed
from darkroom.quotas.record import changes, pool_record
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.settings import Quota, Settings
from darkroom_shared.store.steering import SyncedQuota

NOVA, TITAN_V1, TITAN_V2 = "amazon.nova-canvas-v1:0", "amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0"

TITAN_EMBED, NOVA_EMBED = "amazon.titan-embed-image-v1", "amazon.nova-2-multimodal-embeddings-v1:0"
RPM: Measure = "requests_per_minute"
SD35, SDXL = "stability.sd3-5-large-v1:0", "stability.stable-diffusion-xl-v1"
INPAINT = "us.stability.stable-image-inpaint-v1:0"
EMBED = "cohere.embed-v4:0"
NAMES: list[tuple[str, str, Kind, Measure]] = [
    ("On-demand model inference requests per minute for Amazon Titan Multimodal Embeddings G1", TITAN_EMBED, "on-demand", RPM),
    ("On-demand model inference requests per minute for Amazon Nova Multimodal Embeddings V1", NOVA_EMBED, "on-demand", RPM),
    ("On-demand model inference requests per minute for Cohere Embed V4", EMBED, "on-demand", RPM),
    ("Global cross-region model inference requests per minute for Cohere Embed V4", EMBED, "global", RPM),
    ("On-demand model inference requests per minute for Amazon Nova Canvas", NOVA, "on-demand", RPM),
    ("On-demand InvokeModel requests per minute for Amazon Nova Canvas", NOVA, "on-demand", RPM),
    ("InvokeModel requests per minute for Nova Canvas V1", NOVA, "on-demand", RPM),
    ("on-demand  invokemodel REQUESTS PER MINUTE for amazon nova-canvas v1:0", NOVA, "on-demand", RPM),
    ("On-demand model inference tokens per minute for Amazon Titan Image Generator G1", TITAN_V1, "on-demand", "tokens_per_minute"),
    ("On-demand model inference requests per minute for Titan Image Generator G1 V1", TITAN_V1, "on-demand", RPM),
    ("On-demand model inference requests per minute for Amazon Titan Image Generator G1 V2", TITAN_V2, "on-demand", RPM),
    ("On-demand model inference requests per minute for Amazon Titan Image Generator v2.0", TITAN_V2, "on-demand", RPM),
    ("On-demand InvokeModel concurrent requests for Amazon Nova Canvas", NOVA, "on-demand", "concurrency"),
    ("Cross-region model inference requests per minute for Amazon Nova Canvas", NOVA, "cross-region", RPM),
    ("Cross-Region InvokeModel tokens per minute for Amazon Nova Canvas", NOVA, "cross-region", "tokens_per_minute"),
    ("Global cross-region model inference requests per minute for Amazon Nova Canvas V1", NOVA, "global", RPM),
    ("On-demand model inference requests per minute for Stability.ai Stable Diffusion 3.5 Large", SD35, "on-demand", RPM),
    ("On-demand model inference requests per minute for Stability.ai Stable Diffusion XL 1.0", SDXL, "on-demand", RPM),
    ("Cross-region model inference requests per minute for Stability AI Stable Image Inpaint", INPAINT, "cross-region", RPM),
]
OTHERS = [
    "On-demand model inference requests per minute for Amazon Titan Image Generator G1 V3",
    "On-demand model inference requests per minute for Amazon Nova Canvas V2",
    "On-demand model inference requests per minute for Amazon Nova 2 Canvas",
    "On-demand model inference requests per minute for Amazon Nova Canvas V1 1M Context Length",
    "On-demand model inference requests per minute for Stability.ai Stable Diffusion XL 0.8",
    "On-demand, latency-optimized model inference requests per minute for Amazon Nova Canvas",
    "Model invocation max tokens per day for Amazon Nova Canvas (doubled for cross-region calls)",
    "Model units per provisioned model for Amazon Nova Canvas",
    "Records per batch inference job for Nova Canvas V1",
    "(Model customization) Sum of training and validation records for a Titan Image Generator G1 V1 Fine-tuning job",
    "InvokeModel requests per minute for",
    "InvokeModel requests per minute for Amazon",
    "",
]
ON_DEMAND = "On-demand model inference requests per minute for Amazon "
CROSS = "Cross-region model inference requests per minute for Amazon "


def listed(name: str, value: float | None = 60.0, *, region: str = "us-east-1", is_default: bool = False) -> ListedQuota:
    """A row as Service Quotas gives it."""
    return ListedQuota(region, "L-00000000", name, value, is_default)


def values(quotas: tuple[ModelQuota, ...]) -> list[tuple[str, float]]:
    """Pools with their numbers."""
    return [(quota.route, quota.value) for quota in quotas]


@pytest.mark.parametrize(("name", "model", "kind", "measure"), NAMES)
def test_every_wording_of_a_models_quota_is_read(name: str, model: str, kind: Kind, measure: Measure) -> None:
    found = read_name(name)
    assert found is not None
    assert (found.model.id, found.kind, found.measure) == (model, kind, measure)


@pytest.mark.parametrize("name", OTHERS)
def test_a_name_that_is_not_whole_a_models_own_is_nobodys(name: str) -> None:
    assert read_name(name) is None


@pytest.mark.parametrize("vendor", ["", "Amazon ", "AWS ", "Stability AI ", "Stability.ai "])
def test_every_model_of_the_catalogue_is_found_by_its_label_whoever_the_vendor(vendor: str) -> None:
    first = [next(one for one in MODELS.values() if one.label == label) for label in {model.label: 0 for model in MODELS.values()}]
    names = [f"On-demand InvokeModel requests per minute for {vendor}{model.label}" for model in first]
    assert [found.model for name in names if (found := read_name(name))] == first


def test_each_profile_of_a_vision_model_gets_its_own_quota_where_it_can_be_called() -> None:
    quotas = ("Cross-region", "Global cross-region", "On-demand")
    rows = [
        listed(f"{kind} model inference requests per minute for Anthropic Claude Sonnet 4.6", region=region)
        for kind in quotas
        for region in ("us-east-1", "eu-west-1", "eu-west-2", "ca-central-1")
    ]
    base = "anthropic.claude-sonnet-4-6"
    assert {(quota.route, quota.meaning.model.id) for quota in read_quotas(rows).quotas} == {
        *((f"{region}/global.{base}", f"global.{base}") for region in ("us-east-1", "eu-west-1", "eu-west-2", "ca-central-1")),
        ("us-east-1/us." + base, "us." + base),
        ("eu-west-1/eu." + base, "eu." + base),
        *((f"{region}/{base}", base) for region in ("us-east-1", "eu-west-1", "eu-west-2", "ca-central-1")),
    }


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader_and_none_gets_a_quota_by_chance(text: str) -> None:
    assert read_name(text) is None
    assert read_name(f"{ON_DEMAND}Nova Canvas x{text}") is None
    assert read_name(f"{text}x {ON_DEMAND}Nova Canvas") is None


def test_a_profile_has_a_pool_of_its_own_named_by_the_regions_geography() -> None:
    regions = ("us-west-2", "us-gov-west-1", "eu-west-1", "ap-northeast-1", "ca-central-1")
    found = read_quotas([listed(f"{CROSS}Nova Canvas", region=region) for region in regions])
    prefixes = sorted(quota.target.removesuffix(NOVA).rstrip(".") for quota in found.quotas)
    assert prefixes == ["apac", "ca", "eu", "us", "us-gov"]
    [worldwide] = read_quotas([listed(f"Global {CROSS.lower()}Nova Canvas")]).quotas
    assert worldwide.route == f"us-east-1/global.{NOVA}"


def test_a_model_that_is_called_through_its_profile_has_the_profiles_quota_and_not_that_of_its_bare_id() -> None:
    name = "model inference requests per minute for Stability.ai Stable Image Inpaint"
    found = read_quotas([listed(f"On-demand {name}", 10), listed(f"Cross-region {name}", 20)])
    assert values(found.quotas) == [(f"us-east-1/{INPAINT}", 20)]
    assert len(found.ignored) == 1


def test_where_no_profile_is_known_a_quota_for_one_is_passed_over() -> None:
    found = read_quotas([listed(f"{CROSS}Nova Canvas", region="me-south-1")])
    assert (found.quotas, len(found.ignored)) == ((), 1)


def test_the_accounts_own_value_counts_before_a_default_and_the_smaller_before_the_larger() -> None:
    old, new = f"{ON_DEMAND}Nova Canvas", "InvokeModel requests per minute for Nova Canvas"
    own_first = [listed(old, 100), listed(new, 40, is_default=True)]
    for order in (own_first, own_first[::-1]):
        assert values(read_quotas(order).quotas) == [(f"us-east-1/{NOVA}", 100)]
    two = [listed(old, 100), listed(new, 40)]
    for order in (two, two[::-1]):
        assert values(read_quotas(order).quotas) == [(f"us-east-1/{NOVA}", 40)]


def test_a_quota_of_nought_is_kept_and_warned_of() -> None:
    found = read_quotas([listed(f"{ON_DEMAND}Nova Canvas", 0)])
    assert values(found.quotas) == [(f"us-east-1/{NOVA}", 0)]
    [warning] = found.warnings
    assert f"us-east-1/{NOVA}" in warning
    assert "no access" in warning


@pytest.mark.parametrize("value", [None, -1.0, float("nan"), float("inf")])
def test_a_value_that_is_no_number_of_calls_changes_nothing_and_is_told(value: float | None) -> None:
    found = read_quotas([listed(f"{ON_DEMAND}Nova Canvas", value)])
    assert (found.quotas, found.ignored, len(found.warnings)) == ((), (), 1)
    assert found.unreadable == {(f"us-east-1/{NOVA}", "requests_per_minute")}
    assert f"us-east-1/{NOVA}" not in unnamed(found, ["us-east-1"])


def test_the_measures_of_a_pool_become_one_row() -> None:
    found = read_quotas(
        [
            listed(f"{ON_DEMAND}Titan Image Generator G1", 60),
            listed("On-demand model inference tokens per minute for Amazon Titan Image Generator G1", 2000),
            listed("On-demand InvokeModel concurrent requests for Amazon Nova Canvas", 3),
            listed("Batch inference job size (in GB) for Nova Pro V1", 5),
        ]
    )
    assert changes(found, ["us-east-1"], {}) == [
        SyncedQuota(TITAN_V1, f"us-east-1/{TITAN_V1}", 60, None, 2000),
        SyncedQuota(NOVA, f"us-east-1/{NOVA}", None, 3, None),
    ]
    assert [quota.name for quota in found.ignored] == ["Batch inference job size (in GB) for Nova Pro V1"]


def test_models_that_aws_says_nothing_about_are_named_where_they_are_offered() -> None:
    found = read_quotas([listed(f"{ON_DEMAND}Nova Canvas")])
    told = unnamed(found, ["us-east-1", "eu-west-1"])
    assert [pool for pool in told if "/amazon." in pool] == [
        f"us-east-1/{TITAN_V1}",
        f"eu-west-1/{TITAN_V1}",
        f"us-east-1/{TITAN_V2}",
        f"eu-west-1/{NOVA}",
        f"us-east-1/{TITAN_EMBED}",
        f"eu-west-1/{TITAN_EMBED}",
        f"us-east-1/{NOVA_EMBED}",
    ]
    assert f"us-east-1/{INPAINT}" in told
    assert f"us-east-1/{SD35}" not in told


def pool(route: str, **fields: str) -> dict[str, PoolRecord]:
    """A pool of the ledger by its name."""
    return {route: pool_record(NOVA, route, fields)}


def test_what_aws_no_longer_names_is_taken_back_in_the_regions_that_were_asked() -> None:
    nothing = read_quotas([])
    before = pool(f"us-east-1/us.{NOVA}", aws_rpm="20", aws_concurrency="3") | pool(f"eu-west-1/{NOVA}", aws_rpm="5")
    assert changes(nothing, ["us-east-1"], before) == [SyncedQuota(NOVA, f"us-east-1/us.{NOVA}", None, None, None)]
    assert changes(nothing, ["us-east-1"], pool(f"us-east-1/{NOVA}", catalogue_rpm="100", aws_ms="1")) == []


def test_a_value_that_aws_could_not_say_this_time_stays() -> None:
    found = read_quotas(
        [
            listed(f"{ON_DEMAND}Nova Canvas", None),
            listed("On-demand InvokeModel concurrent requests for Amazon Nova Canvas", 3),
        ]
    )
    before = pool(f"us-east-1/{NOVA}", aws_rpm="20", aws_concurrency="9", aws_tpm="1000")
    assert changes(found, ["us-east-1"], before) == [SyncedQuota(NOVA, f"us-east-1/{NOVA}", 20, 3, None)]


def test_a_setting_for_a_pool_comes_before_one_for_the_model_and_that_before_the_catalogue() -> None:
    settings = Settings(quotas={f"us-west-2/{TITAN_V2}": Quota(rpm=7), TITAN_V2: Quota(rpm=9), TITAN_V1: Quota(unknown=True)})
    known = {one.route: (one.requests_per_minute, one.source) for one in known_quotas(settings, ["us-east-1", "us-west-2"], {})}
    assert {pool: told for pool, told in known.items() if "/amazon." in pool} == {
        f"us-east-1/{TITAN_V1}": (None, "unknown"),
        f"us-west-2/{TITAN_V1}": (None, "unknown"),
        f"us-east-1/{TITAN_V2}": (9, "settings"),
        f"us-west-2/{TITAN_V2}": (7, "settings"),
        f"us-east-1/{NOVA}": (100, "catalogue"),
        f"us-east-1/{TITAN_EMBED}": (2000, "catalogue"),
        f"us-west-2/{TITAN_EMBED}": (2000, "catalogue"),
        f"us-east-1/{NOVA_EMBED}": (2000, "catalogue"),
    }
    arn = "arn:aws:bedrock:us-west-2:123456789012:provisioned-model/boat00000001"
    bought = known_quotas(Settings(custom_models={arn: TITAN_V2}), ["us-east-1", "us-west-2"], {})[-1]
    assert (bought.route, bought.requests_per_minute, bought.source) == (f"us-west-2/{arn}", None, "unknown")
    off = known_quotas(Settings(quotas="off"), ["us-east-1"], {})
    assert {(one.requests_per_minute, one.source) for one in off} == {(None, "off")}


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"aws_rpm": "20"}, (20, "aws")),
        ({"aws_rpm": "0"}, (0, "aws")),
        ({"aws_rpm": "20", "share": "1", "settings_rpm": "30"}, (30, "settings")),
        ({"aws_rpm": "20", "share": "1", "unknown": "true"}, (None, "unknown")),
        ({"aws_rpm": "20", "share": "1", "off": "true"}, (None, "off")),
        ({"share": "1", "catalogue_rpm": "90"}, (90, "catalogue")),
        ({"share": "1"}, (None, "unknown")),
    ],
)
def test_a_pools_own_record_says_what_counts(fields: dict[str, str], counts: tuple[float | None, str]) -> None:
    found = {one.route: one for one in known_quotas(Settings(), ["us-east-1"], pool(f"us-east-1/{NOVA}", **fields))}
    one = found[f"us-east-1/{NOVA}"]
    assert (one.requests_per_minute, one.source) == counts


def test_a_profiles_pool_is_listed_beside_its_model_and_has_no_number_of_the_catalogues() -> None:
    records = pool(f"us-east-1/us.{NOVA}", aws_concurrency="3") | pool(f"eu-west-1/eu.{NOVA}", aws_rpm="8")
    known = [one for one in known_quotas(Settings(), ["us-east-1"], records) if one.model == NOVA]
    assert [(one.target, one.requests_per_minute, one.source) for one in known] == [
        (NOVA, 100, "catalogue"),
        (f"us.{NOVA}", None, "unknown"),
    ]
