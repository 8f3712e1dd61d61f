"""Films through the real process: followed to the end, ended by hand, refused."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from models.picture.shorts import SHORTS
from models.style.bundle import style_folder
from tests.models.picture.conftest import make_film
from tests.processes import running
from webapp.film import scored_films
from webapp.film.scored_films import Scoring
from webapp.listeners import accounts
from webapp.runtime.errors import NotAllowed, NotReady
from webapp.runtime.limits import FILM_BYTES
from webapp.runtime.listener_files import KEPT_S, Downloads
from webapp.runtime.long_tasks import awaited, until_ended
from webapp.ui.pages import film as page
from webapp.ui.pages.film import told

pytestmark = pytest.mark.slow

__all__ = ["make_film"]


@pytest.fixture
def ask(alone, long_tasks):
    """``ask(data, …)``: a listener's film is begun, and how far it is until it has its music; their id and token."""
    listener_id = accounts.create(alone.database)
    token = alone.tokens.give(listener_id)

    def looks(data: bytes, way: str = "annotated", name: str = "film.mp4", **given: Any) -> Iterator[Scoring]:
        database, home = alone.database, alone.settings.home
        scored_films.begin(
            database, home, listener_id, [(name, data)], method=way, seed=1, style_folder=style_folder(), **given
        )
        return until_ended(lambda: scored_films.look(database, home, listener_id))

    looks.listener_id, looks.token = listener_id, token
    return looks


def children() -> list[psutil.Process]:
    return running("webapp.film.scoring_process")


def test_a_film_is_followed_until_it_has_its_music_as_a_listener_hears_it(ask, make_film: Callable[..., Path]) -> None:
    links = [[float(i == j) for i in range(5)] for j in range(5)]
    seen = list(ask(make_film().read_bytes(), "learned", links=links))
    last = seen[-1]
    assert last.made is not None
    assert (last.made.cuts, last.made.met) == (2, 2)
    assert [each.name for each in last.files if each.stat().st_size > 100] == list(scored_films.FILES)
    assert "2 of 2 cuts" in told(last)
    assert not any(each.made for each in seen[:-1])
    assert children() == []


def test_a_short_film_is_made_once_and_then_kept(alone, ask) -> None:
    def short(name: str = "on-the-road", seed: int = scored_films.SHORT_SEED) -> Scoring | None:
        return scored_films.begin_short(
            alone.database, alone.settings.home, ask.listener_id, name, method="annotated", seed=seed,
            style_folder=style_folder(),
        )  # fmt: skip

    def finished() -> Scoring:
        return awaited(lambda: scored_films.look(alone.database, alone.settings.home, ask.listener_id))

    assert short() is None
    made, again = finished(), short()
    assert again is not None
    assert again.made == made.made
    assert [each.read_bytes() for each in again.files] == [each.read_bytes() for each in made.files]
    assert made.made is not None
    assert made.made.cuts == made.made.met == len(SHORTS["on-the-road"].scenes) - 1
    assert short(seed=2) is None  # other music is not that of the kept one
    scored_films.TASK.stop(alone.database, ask.listener_id)
    assert finished().made is None
    with pytest.raises(NotAllowed, match="night-and-day"):
        short("no-film")


def test_a_film_is_found_again_by_its_listener_alone_for_an_hour_and_gone_with_them(
    alone, ask, make_film: Callable[..., Path]
) -> None:
    stranger = alone.tokens.give(accounts.create(alone.database))
    shown = page.score(alone, ask.token, [str(make_film())], "annotated", 1)
    assert shown[-1]["active"]
    assert page.arrive(alone, ask.token)[-1]["active"]  # the page was left, and opened again
    said, result, *_, cancel, timer = page.arrive(alone, stranger)
    assert (said, result["visible"], cancel["visible"], timer["active"]) == ("", False, False, False)
    last = awaited(lambda: scored_films.look(alone.database, alone.settings.home, ask.listener_id))
    said, result, video, *_, cancel, timer = page.arrive(alone, ask.token)
    assert "2 of 2 cuts" in said
    assert (result["visible"], cancel["visible"], timer["active"]) == (True, False, False)
    assert video["value"] == str(last.files[0])
    assert not video["autoplay"]
    long_ago = time.time() - KEPT_S - 1
    os.utime(last.files[0].parent, (long_ago, long_ago))
    Downloads(alone.settings.home).clear()
    assert page.arrive(alone, ask.token)[0] == ""


def test_work_is_ended_by_whose_it_is_alone_and_there_is_one_at_a_time(
    alone, ask, make_film: Callable[..., Path]
) -> None:
    data = make_film().read_bytes()
    work = ask(data)
    next(each for each in work if each.stage)
    assert len(children()) == 1
    with pytest.raises(NotReady, match="another film"):
        ask(data)
    page.give_up(alone, alone.tokens.give(accounts.create(alone.database)))
    assert not next(work).ended
    page.give_up(alone, ask.token)
    last = list(work)[-1]
    assert last.ended
    assert told(last) == "Stopped."
    assert children() == []


def test_what_can_not_be_used_is_refused_in_words(ask) -> None:
    for data, said in ((b"no film", "no film that can be read"), (b"", "is empty")):
        last = list(ask(data))[-1]
        assert isinstance(last.problem, NotAllowed)
        assert said in str(last.problem)
        assert said in told(last)
    with pytest.raises(NotAllowed, match="a way is one of"):
        ask(b"", "loud")


def test_files_that_are_too_large_together_are_refused_before_they_are_read(alone, tmp_path) -> None:
    token = alone.tokens.give(listener_id := accounts.create(alone.database))
    for name in ("one.png", "two.png"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(FILM_BYTES // 2 + 1)
    said, *_ = page.score(alone, token, [str(each) for each in tmp_path.glob("*.png")], "annotated", 1)
    assert "41 MB together, at most 40 MB" in said
    with pytest.raises(NotAllowed, match="41 MB together"):
        scored_films.begin(
            alone.database, alone.settings.home, listener_id, [("a.png", bytes(FILM_BYTES)), ("b.png", b"x")],
            method="annotated", seed=1, style_folder=style_folder(),
        )  # fmt: skip
