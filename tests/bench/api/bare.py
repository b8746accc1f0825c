"""What many would write first: FastAPI and `delay()` of a Celery task. It records nothing, and checks nothing."""

from __future__ import annotations

import os
import sys

import uvicorn
from celery import Celery
from fastapi import FastAPI
from pydantic import BaseModel

queue = Celery("bare", broker=os.environ["BARE_BROKER"])
app = FastAPI()


class Job(BaseModel):
    """A body."""

    request: dict[str, object]


@queue.task
def generate(request: dict[str, object]) -> None:
    """Would call Bedrock."""


@app.post("/v1/jobs", status_code=202)
def submit(job: Job) -> dict[str, str]:
    """Hands the whole body to the broker."""
    return {"id": generate.delay(job.request).id}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
