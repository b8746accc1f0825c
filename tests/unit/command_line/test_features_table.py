"""The table of features in the README is the one that the catalogue makes."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from darkroom.cli.features import markdown_table
from darkroom_shared.plan.features import FEATURES, ways

README = Path(__file__).parents[3] / "README.md"
ON = date(2026, 11, 21)
"""The day that the README tells of; no date of the catalogue lies between it and the next end of life."""


def test_the_readme_shows_what_the_catalogue_says() -> None:
    found = re.search(r"<!-- features -->\n(.*)\n<!-- /features -->", README.read_text("utf-8"), re.DOTALL)
    assert found is not None
    assert found[1] == markdown_table(ON)


def test_while_the_old_models_lived_they_did_what_was_asked() -> None:
    lived = date(2025, 5, 1)
    best = {one.name: ways(one, lived)[0] for one in FEATURES}
    assert {route.fidelity for route in best.values()} == {"exact"}
    assert all(not route.refused for route in best.values())
