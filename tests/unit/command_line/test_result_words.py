"""How one result of a job is told in a line: a picture by its size, a document by its beginning, vectors by their bytes."""

from __future__ import annotations

from darkroom.cli.tables import output
from darkroom_shared.contract.views import Output


def test_a_result_is_told_by_what_a_person_can_use() -> None:
    def told(role: str, excerpt: str = "", size: int = 9, **more: int) -> str:
        return output(Output(index=0, sha256="a" * 64, media_type="x/y", size_bytes=size, role=role, excerpt=excerpt, **more)).plain

    assert told("image", size=1_112_000, width=1024, height=768, seed=7) == "1024x768, 1112 kB, seed 7"
    assert told("text", "two\n words") == "two words"
    assert told("json", '{"a":', size=900) == '{"a":…'
    assert told("embedding", size=21_504) == "21,504 bytes"
