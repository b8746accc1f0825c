"""Opens files one by one, each in a process of its own, and says what that cost: `python -m tests.faults.meter FOLDER`.

For every file it writes a JSON line: seconds of CPU, bytes of memory beyond those that the process began with, and what the
client's `validate` and the check of the endpoint found. A process that needs more than LIMIT_BYTES or LIMIT_S dies.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import sys
import warnings
from pathlib import Path

from darkroom import Darkroom, Settings
from darkroom_shared.checking import check_request

__all__ = ["LIMIT_BYTES", "LIMIT_S", "main"]

LIMIT_BYTES = 2 * 1024**3
LIMIT_S = 60
MODEL = "amazon.nova-canvas-v1:0"


def body(picture: object) -> dict[str, object]:
    """A request around a picture."""
    return {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": picture}}


def _measured(room: Darkroom, path: Path) -> dict[str, object]:
    data = path.read_bytes()
    given = body(base64.b64encode(data).decode())
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = room.validate(body(data), MODEL)
    after = resource.getrusage(resource.RUSAGE_SELF)
    checked = check_request(given, MODEL)
    return {
        "name": path.name,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "extra_bytes": (after.ru_maxrss - before.ru_maxrss) * 1024,
        "client": [problem.as_json() for problem in found],
        "endpoint": [problem.as_json() for problem in checked.problems],
    }


def _say(row: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def _in_a_child(room: Darkroom, path: Path) -> int:
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
        signal.alarm(LIMIT_S)
        _say(_measured(room, path))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main(folder: Path) -> int:
    """Opens every file of the folder; the exit code says how many children did not live to tell."""
    warnings.simplefilter("ignore")  # a decoder's remarks; they cost more than the decoding when they are printed
    settings = Settings(redis_url="unix:///nowhere", home=folder / "home", bedrock_url="http://127.0.0.1:9", quotas="off")
    lost = 0
    with Darkroom(settings=settings) as room:
        room.validate(body((folder / "warm-up").read_bytes()), MODEL)  # loads the codecs
        for path in sorted((folder / "files").iterdir()):
            code = _in_a_child(room, path)
            if code:
                lost += 1
                _say({"name": path.name, "exit": code})
    return lost


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
