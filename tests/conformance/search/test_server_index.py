"""What the index in a server does besides: it follows from the hashes, and says plainly why a server cannot keep it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import redis

from darkroom.search.disk import DiskHome
from darkroom.search.homes import home_of
from darkroom.search.index import Space
from darkroom.search.module import SearchServer
from darkroom.search.server import BATCH, ServerHome
from darkroom_shared.core.errors import Misconfigured, StorageUnavailable
from darkroom_shared.settings import Settings
from tests.conformance.search.writer import SPACE, entry, filled, is_whole, vector
from tests.support.search_module import stand_in


def command(url: str, *words: str) -> Any:
    with redis.Redis.from_url(url, decode_responses=True, protocol=2) as client:
        return cast("Any", client).execute_command(*words)


def home_at_server(url: str) -> ServerHome:
    return ServerHome(SearchServer(url), "dr:")


def test_a_module_index_that_is_gone_is_made_anew_from_the_hashes(server_url: str) -> None:
    index = filled(home_at_server(server_url).open(SPACE), range(BATCH + 50))
    [name] = command(server_url, "FT._LIST")
    command(server_url, "FT.DROPINDEX", name)

    assert is_whole(index)
    assert command(server_url, "FT._LIST") == [name]


def test_more_than_a_batch_goes_in_and_out_in_order(server_url: str) -> None:
    index = home_at_server(server_url).open(SPACE)
    numbers = list(range(2 * BATCH + 50))
    assert index.add([entry(number) for number in numbers], [vector(number) for number in numbers]) == len(numbers)
    assert index.remove([entry(number).job for number in numbers[10:-10]]) == len(numbers) - 20
    assert index.entries() == [entry(number) for number in (*numbers[:10], *numbers[-10:])]
    assert len(index.nearest(vector(0), 1000)) == 20


def test_dropping_the_last_space_leaves_nothing_in_the_server(server_url: str) -> None:
    first, second = (home_at_server(server_url).open(Space(tenant, SPACE.model, 64)) for tenant in ("studio", "annex"))
    filled(first, range(3))
    filled(second, range(3))
    first.drop()
    assert (len(command(server_url, "FT._LIST")), len(second.nearest(vector(1), 5))) == (1, 3)

    second.drop()
    assert (command(server_url, "FT._LIST"), command(server_url, "KEYS", "*")) == ([], [])


def test_two_ledgers_in_one_server_have_indexes_of_their_own(server_url: str) -> None:
    one, other = (ServerHome(SearchServer(server_url), prefix).open(SPACE) for prefix in ("one:", "other:"))
    filled(one, range(5))
    filled(other, range(5, 8))
    assert (len(one.nearest(vector(0), 100)), len(other.nearest(vector(0), 100))) == (5, 3)


def test_a_server_with_a_module_keeps_vectors_and_others_say_why_not(server_url: str, redis_url: str) -> None:
    assert SearchServer(server_url, "it").refusal() is None
    assert SearchServer(server_url.replace("db=0", "db=3"), "it").refusal() == (
        "it is asked for its database 3, and search modules index database 0"
    )
    assert SearchServer(redis_url, "it").refusal() == "it has no search module"
    with stand_in(redis_url, denied=frozenset({"FT._LIST"})) as url:
        assert SearchServer(url, "it").refusal() == "it lets its user not ask for the search module (FT._LIST)"
    with stand_in(redis_url, version=20_209) as url:
        refusal = SearchServer(url, "it").refusal()
    assert refusal == "the search module of it knows no vectors: it is RediSearch 2.2.9, and 2.4 is the first"
    with stand_in(redis_url, denied=frozenset({"MODULE"})) as url:
        assert SearchServer(url, "it").refusal() is None
    with pytest.raises(StorageUnavailable, match="could not be asked for"):
        SearchServer("unix:///nowhere/s").refusal()


def test_a_user_who_may_not_search_is_told_so(redis_url: str) -> None:
    with stand_in(redis_url, denied=frozenset({"FT.SEARCH"})) as url:
        index = filled(home_at_server(url).open(SPACE), range(3))
        with pytest.raises(StorageUnavailable, match=r"could not be searched: .*ft.search.*DARKROOM_SEARCH_FOLDER"):
            index.nearest(vector(0), 1)
    with stand_in(redis_url, denied=frozenset({"FT.CREATE"})) as url:
        index = home_at_server(url).open(SPACE)
        with pytest.raises(StorageUnavailable, match=r"could not be added to: .*ft.create"):
            filled(index, range(3, 5))
        assert index.entries() == [entry(number) for number in range(3)]


def test_vectors_go_where_the_settings_say_and_the_place_says_why(stand_in_url: str, redis_url: str, tmp_path: Path) -> None:
    with_module = Settings(redis_url=stand_in_url, home=tmp_path)
    without = Settings(redis_url=redis_url, home=tmp_path)

    assert home_of(with_module).place == "the search module of the ledger's server"
    assert home_of(without).place.startswith(f"files in {tmp_path}/search/")
    assert home_of(without).place.endswith("(the ledger's server has no search module)")
    chosen = home_of(with_module.model_copy(update={"search_folder": str(tmp_path / "mine")}))
    assert isinstance(chosen, DiskHome)
    assert chosen.place.endswith("(DARKROOM_SEARCH_FOLDER)")
    elsewhere = home_of(without.model_copy(update={"search_url": stand_in_url, "search_folder": "ignored"}))
    assert elsewhere.place == f"the search module of the server at {stand_in_url.removeprefix('unix://').partition('?')[0]}"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "has no search module"),
        ("http://:secret@search", "has the scheme 'http'; allowed are redis, rediss, unix"),
        ("redis://:secret@search:many", "its host or port is wrong"),
    ],
    ids=["no module", "scheme", "port"],
)
def test_a_server_that_is_named_and_can_keep_none_is_an_error(redis_url: str, tmp_path: Path, address: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words) as caught:
        home_of(Settings(redis_url=redis_url, home=tmp_path, search_url=address or redis_url))
    assert "secret" not in str(caught.value)
