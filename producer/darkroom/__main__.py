"""The entry point of the command `darkroom` and of `python -m darkroom`: says how to install what the command line needs."""

from __future__ import annotations

import sys
from typing import Final

_OWN: Final = ("darkroom", "darkroom_shared", "darkroom_worker")
_UNREACHABLE: Final = 3


def main() -> int:
    """Runs one command; the return value is the exit code. 3 if the packages of the command line are not installed."""
    try:
        from darkroom.cli.main import main as run
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or package in _OWN:
            raise  # a fault of this installation, not a missing extra
        sys.stderr.write(f"The command line needs {package}, not installed here. Install with: pip install 'darkroom[direct]'\n")
        return _UNREACHABLE
    return run()


if __name__ == "__main__":
    sys.exit(main())
