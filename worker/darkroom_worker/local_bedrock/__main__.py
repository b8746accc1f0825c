"""`python -m darkroom_worker.local_bedrock`: runs the local Bedrock endpoint. Prints one JSON line when it is listening."""

from __future__ import annotations

import json
import os
import sys

from darkroom_worker.local_bedrock.options import Options, parse_options
from darkroom_worker.local_bedrock.server import serve


def main() -> int:
    """Runs until SIGTERM or SIGINT; the exit status is 1 if the address cannot be listened on."""
    options = parse_options()
    try:
        serve(options.config, lambda url: announce(url, options), with_parent=options.with_parent)
    except OSError as error:
        print(f"cannot listen on {options.config.host}:{options.config.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def announce(url: str, options: Options) -> None:
    """Writes `{"ready": true, "url": ..., "pid": ...}` and a line end to standard output or to the descriptor asked for."""
    line = json.dumps({"ready": True, "url": url, "pid": os.getpid()}) + "\n"
    if options.ready_fd is None:
        print(line, end="", flush=True)
    else:
        with os.fdopen(options.ready_fd, "w") as ready:
            ready.write(line)


if __name__ == "__main__":
    sys.exit(main())
