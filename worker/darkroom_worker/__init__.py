"""The worker: claims calls from the ledger, makes them at Bedrock, stores what comes back."""

from importlib.util import find_spec

_missing = [name for name in ("celery", "aioboto3") if find_spec(name) is None]
if _missing:
    raise ImportError(f"darkroom_worker needs {' and '.join(_missing)}, not installed here: pip install 'darkroom[worker]'")
