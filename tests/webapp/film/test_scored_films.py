"""Films through the real process: followed to the end, ended by hand, refused."""

import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from models.picture.shorts import SHORTS
from models.style.bundle import style_folder
from tests.models.picture.conftest import make_film
from webapp.film import scored_films
from webapp.runtime.errors import NotAllowed, NotReady
from webapp.ui.pages.film import told

pytestmark = pytest.mark.slow

__all__ = ["make_film"]

SOMEBODY = uuid.UUID(int=7)


def follow(data: bytes, way: str = "annotated", name: str = "film.mp4", **given) -> list[scored_films.Scoring]:
    return list(scored_films.follow(SOMEBODY, [(name, data)], way, 1, style_folder=style_folder(), **given))


def children() -> list[psutil.Process]:
    return [
        child for child in psutil.Process().children(recursive=True) if "webapp.film.scoring_process" in child.cmdline()
    ]


def test_a_film_is_followed_until_it_has_its_music_as_a_listener_hears_it(make_film: Callable[..., Path]) -> None:
    seen = follow(make_film().read_bytes(), "learned", links=[[float(i == j) for i in range(5)] for j in range(5)])
    last = seen[-1]
    assert last.made is not None
    assert (last.made.cuts, last.made.met) == (2, 2)
    assert [name for name, data in last.files if len(data) > 100] == list(scored_films.FILES)
    assert "2 of 2 cuts" in told(last)
    assert not any(each.made for each in seen[:-1])
    assert children() == []


def test_a_short_film_is_made_once_and_then_kept(tmp_path: Path) -> None:
    def ask(seed: int = scored_films.SHORT_SEED) -> list[scored_films.Scoring]:
        work = scored_films.follow_short(
            tmp_path, SOMEBODY, "on-the-road", "annotated", seed, style_folder=style_folder()
        )
        return list(work)

    made, again = ask(), ask()
    assert len(made) > 1
    assert again == made[-1:]
    assert made[-1].made is not None
    assert made[-1].made.cuts == made[-1].made.met == len(SHORTS["on-the-road"].scenes) - 1
    assert len(ask(seed=2)) > 1  # other music is not that of the kept one
    with pytest.raises(NotAllowed, match="night-and-day"):
        next(scored_films.follow_short(tmp_path, SOMEBODY, "no-film", "annotated", 1, style_folder=style_folder()))


def test_work_is_ended_by_whose_it_is_alone_and_there_is_one_at_a_time(make_film: Callable[..., Path]) -> None:
    files = [("film.mp4", make_film().read_bytes())]
    work = scored_films.follow(SOMEBODY, files, "annotated", 1, style_folder=style_folder())
    next(work)
    assert len(children()) == 1
    with pytest.raises(NotReady, match="another film"):
        next(scored_films.follow(SOMEBODY, files, "annotated", 1, style_folder=style_folder()))
    scored_films.end(uuid.UUID(int=8))
    assert not next(work).ended
    scored_films.end(SOMEBODY)
    last = list(work)[-1]
    assert last.ended
    assert told(last) == "Stopped."
    assert children() == []


def test_what_can_not_be_used_is_refused_in_words() -> None:
    for data, way, said in (
        (b"no film", "annotated", "no film that can be read"),
        (b"", "annotated", "is empty"),
        (b"", "loud", "a way is one of"),
    ):
        with pytest.raises(NotAllowed, match=said):
            follow(data, way)
