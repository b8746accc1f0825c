"""Schemathesis over the whole description of the API: no server error, no answer that the description does not tell of.

`make fuzz` asks far more of it: EXAMPLES of each operation, and every single rule of every field.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from darkroom import Darkroom, Settings
from tests.integration.api.serving import Served

SCHEMATHESIS = Path(sysconfig.get_path("scripts")) / "schemathesis"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = os.environ.get("DARKROOM_FUZZ_EXAMPLES", "")


@pytest.mark.timeout(3600)
def test_no_request_brings_the_server_out_of_countenance(settings: Settings, served: Served, tmp_path: Path) -> None:
    # A key from the start: one that a request makes would lock out all that come after it.
    key = Darkroom(settings=settings).create_key(tenant="*", scopes=["submit", "read", "operate", "admin"])
    done = subprocess.run(
        [
            str(SCHEMATHESIS),
            "run",
            f"{served.url}/openapi.json",
            *("--max-examples", EXAMPLES or "4"),
            *("--phases", "examples,coverage,fuzzing" if EXAMPLES else "examples,fuzzing"),
            *("--checks", CHECKS),
            *("--header", f"Authorization: Bearer {key.key}"),
            *("--exclude-path-regex", "events$|^/v1/images/"),  # they end with their job, which nobody does here
            *("--request-timeout", "70"),
            *("--workers", "2"),
            "--continue-on-failure",
            "--no-color",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "NO_PROXY": "*"},
        check=False,
    )
    if EXAMPLES:
        sys.stdout.write("\n".join(done.stdout.splitlines()[-25:]))
    assert done.returncode == 0, done.stdout[-8000:]
