"""Runs the whole system on one machine: Valkey, the local Bedrock endpoint, one worker and, if asked for, the HTTP API and Flower.

Order of the start: endpoint and Valkey, then worker, API and Flower. Order of the stop: API (nothing new comes in), worker (it may
finish paid calls), Flower, endpoint, Valkey last, because the others write to it to their end.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from darkroom.embedded import valkey
from darkroom.embedded.child import Look
from darkroom.embedded.environment import child_environment
from darkroom.embedded.places import private_folder
from darkroom.embedded.programs import (
    API,
    ENDPOINT,
    FLOWER,
    WORKER,
    announced_url,
    api_child,
    default_api,
    default_endpoint,
    default_flower,
    default_worker,
    endpoint_child,
    flower_child,
    free_api_port,
    free_flower_port,
    worker_child,
)
from darkroom.embedded.spawn import log_tail
from darkroom.embedded.stack_file import StackInfo, lock_home, remove_stack, write_stack
from darkroom.embedded.supervisor import Supervisor, on_signals, restart_delay_s
from darkroom_shared.core.errors import Misconfigured

_LOOK_EVERY_S = 0.2

WaitForWorker = Callable[[str, int], bool]
"""`(redis_url, worker_pid)` -> True once that worker is registered in the ledger. Asked repeatedly; must answer fast."""


@dataclass(frozen=True, slots=True)
class StackPlan:
    """What to run, and where.

    Attributes:
        home: folder for data, assets, logs and sockets; made with mode 0700. Its contents survive a stop.
        base_env: the caller's environment, cleaned and handed to the children.
        wait_for_worker: tells whether the worker is registered in the ledger.
        with_flower: also run Flower.
        flower_port: its port on 127.0.0.1; None takes 5555, or a free one if that is taken.
        with_api: also serve the HTTP API.
        api_port: its port on 127.0.0.1; None takes 8080, or a free one if that is taken.
        endpoint_args: more arguments for the endpoint, such as `("--latency", "1")`.
        worker_args: more arguments for the worker.
        extra_env: variables for all children, stronger than `base_env`.
        appendfsync: how Valkey writes its log, see `valkey.start`.
        endpoint, worker, flower, api: the programs themselves.
    """

    home: Path
    base_env: Mapping[str, str]
    wait_for_worker: WaitForWorker
    with_flower: bool = False
    flower_port: int | None = None
    with_api: bool = False
    api_port: int | None = None
    endpoint_args: tuple[str, ...] = ()
    worker_args: tuple[str, ...] = ()
    extra_env: Mapping[str, str] = field(default_factory=dict[str, str])
    appendfsync: Literal["always", "everysec"] = "always"
    endpoint: tuple[str, ...] = field(default_factory=default_endpoint)
    worker: tuple[str, ...] = field(default_factory=default_worker)
    flower: tuple[str, ...] = field(default_factory=default_flower)
    api: tuple[str, ...] = field(default_factory=default_api)


class Stack:
    """One running stack: `up` runs it until a signal; as a context manager it runs for the length of a block.

    Args:
        plan: what to run.
        say: gets what people should know, one line (or a line with a log's tail) at a time.
    """

    def __init__(self, plan: StackPlan, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._home = plan.home.expanduser().resolve()
        self._say = say
        self._supervisor = Supervisor(say)
        self._stop_asked = threading.Event()
        self._phase: Literal["starting", "up", "stopping"] = "starting"
        self._lock: int | None = None
        self._server: valkey.Server | None = None
        self._server_deaths = 0
        self._server_due = 0.0

    def up(self, announce: Callable[[StackInfo], None]) -> None:
        """Start everything, call `announce`, watch the parts until Ctrl-C, SIGTERM or SIGHUP, and stop in order.

        A second signal cuts the stop short. No signal is lost in between: use this rather than `start`, `run` and `stop`.

        Raises:
            Misconfigured: as `start` and `run`; everything is stopped by then.
            KeyboardInterrupt: Ctrl-C came before everything was ready; everything is stopped by then.
        """
        with on_signals(self._on_signal):
            info = self.start()
            try:
                announce(info)
                self.run()
            finally:
                self.stop()

    def start(self) -> StackInfo:
        """Start everything and wait until it is ready.

        Raises:
            Misconfigured: another stack runs on this home, or a part did not start; what had started is stopped again.
        """
        private_folder(self._home)
        self._lock = lock_home(self._home)
        try:
            with on_signals(self._on_signal):
                info = self._start_parts()
                write_stack(self._home, info)
                self._phase = "up"
        except BaseException:
            self.stop()
            raise
        return info

    def run(self) -> None:
        """Watch the parts until Ctrl-C, SIGTERM, SIGHUP or `ask_to_stop`; then return, with everything still running.

        Raises:
            Misconfigured: Valkey died and does not start again.
        """
        with on_signals(self._on_signal):
            while not self._stop_asked.wait(_LOOK_EVERY_S):
                self._mend_ledger()
                self._supervisor.mend()

    def ask_to_stop(self) -> None:
        """Make `run` return. May be called from a signal handler or another thread."""
        self._stop_asked.set()

    def hurry(self) -> None:
        """Cut `stop` short: what does not stop within a second is killed."""
        self._supervisor.hurry()

    def stop(self) -> None:
        """Stop everything in order and keep the data. The worker gets 330 s for its running calls. Safe to call twice."""
        if self._lock is None:
            return
        self._phase = "stopping"
        with on_signals(self._on_signal):
            self._supervisor.stop([API, WORKER, FLOWER, ENDPOINT])
            remove_stack(self._home)
            if self._server is not None:
                self._server.stop()
            os.close(self._lock)
            self._lock = self._server = None

    def __enter__(self) -> StackInfo:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _on_signal(self, number: int) -> None:
        """What Ctrl-C and its like mean depends on how far we are."""
        if self._phase == "stopping":
            self.hurry()
        elif self._phase == "up":
            self.ask_to_stop()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)

    def _start_parts(self) -> StackInfo:
        plan, home = self._plan, self._home
        for folder in ("logs", "store"):
            private_folder(home / folder)
        started_at = datetime.now(UTC)
        self._server = self._start_server()
        if self._server.attached:
            self._say(f"Using the Valkey that already runs on {self._server.data_dir} (process {self._server.pid}).")
        flower_url = self._launch_flower(self._env(None)) if plan.with_flower else None
        bedrock_url = self._start_endpoint()
        env = self._env(bedrock_url)
        redis_url = self._server.url
        self._supervisor.launch(
            worker_child(plan.worker, home, env, plan.worker_args, lambda pid: plan.wait_for_worker(redis_url, pid))
        )
        api_url = self._launch_api(env) if plan.with_api else None
        for name in (WORKER, *((API,) if plan.with_api else ()), *((FLOWER,) if plan.with_flower else ())):
            self._supervisor.await_ready(name)
        assets_url = env["DARKROOM_ASSETS_URL"]
        return StackInfo(redis_url, assets_url, bedrock_url, flower_url, api_url, os.getpid(), started_at)

    def _env(self, bedrock_url: str | None) -> dict[str, str]:
        if self._server is None:
            raise Misconfigured("The stack's Valkey is not running.")
        plan = self._plan
        return child_environment(
            plan.base_env, home=self._home, redis_url=self._server.url, bedrock_url=bedrock_url, extra=plan.extra_env
        )

    def _start_server(self) -> valkey.Server:
        return valkey.start(self._home / "valkey", appendfsync=self._plan.appendfsync)

    def _start_endpoint(self) -> str:
        plan, env = self._plan, self._env(None)
        self._supervisor.launch(endpoint_child(plan.endpoint, self._home, env, plan.endpoint_args))
        url = _url_of(self._supervisor.await_ready(ENDPOINT))
        # The worker knows this address for life: a restarted endpoint must come back on it.
        port = int(url.rstrip("/").rpartition(":")[2])
        self._supervisor.restart_as(endpoint_child(plan.endpoint, self._home, env, plan.endpoint_args, port=port))
        return url

    def _launch_flower(self, env: Mapping[str, str]) -> str:
        port = self._plan.flower_port or free_flower_port()
        self._supervisor.launch(flower_child(self._plan.flower, self._home, env, port))
        return f"http://127.0.0.1:{port}"

    def _launch_api(self, env: Mapping[str, str]) -> str:
        port = self._plan.api_port or free_api_port()
        self._supervisor.launch(api_child(self._plan.api, self._home, env, port))
        return f"http://127.0.0.1:{port}"

    def _mend_ledger(self) -> None:
        """Start a Valkey that died again, on the same socket and data; the others reconnect by themselves."""
        server = self._server
        if server is None or server.process is None or server.process.poll() is None:
            return
        if self._server_due == 0.0:
            self._server_deaths += 1
            delay_s = restart_delay_s(self._server_deaths)
            self._server_due = time.monotonic() + delay_s
            self._say(f"Valkey ended; it restarts in {delay_s:g} s.\n{log_tail(server.log)}\nLog: {server.log}")
        elif time.monotonic() >= self._server_due:
            self._server_due = 0.0
            server.stop()
            self._server = self._start_server()
            self._say("Valkey is ready again; its data are kept.")


def _url_of(look: Look) -> str:
    url = announced_url(look)
    if url is None:
        raise Misconfigured(f"The {ENDPOINT} did not tell its address.")
    return url
