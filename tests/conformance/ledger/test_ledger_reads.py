"""Reading without changing: the records of many jobs in one round trip, and no more of them than a server should be held up for."""

from __future__ import annotations

import pytest

from darkroom_shared.store import reads
from tests.conformance.ledger.driver import Room, new_job_id


def test_the_records_of_many_jobs_come_in_the_order_in_which_they_are_asked_for(room: Room) -> None:
    jobs = [room.submit(tenant=tenant) for tenant in ("a", "b", "c")]
    asked = [jobs[2], new_job_id(), jobs[0], jobs[1], jobs[0]]

    assert room.run(reads.records(asked)) == [room.run(reads.job(job_id)) for job_id in asked]
    assert room.run(reads.records([])) == []
    assert [record.get("tenant") for record in room.run(reads.records(asked))] == ["c", None, "a", "b", "a"]


def test_too_many_records_are_not_asked_for_at_once(room: Room) -> None:
    many = [new_job_id() for _ in range(reads.MOST_RECORDS)]
    assert room.run(reads.records(many)) == [{}] * reads.MOST_RECORDS
    with pytest.raises(ValueError, match="100 are the most"):
        reads.records([*many, new_job_id()])
