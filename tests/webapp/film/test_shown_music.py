"""Music shown by a running generator with the shipped picture model: kept, refused, written as a film."""

import uuid
from itertools import pairwise
from types import SimpleNamespace

import av
import psutil
import pytest

from tests.processes import running
from webapp.film import shown_music
from webapp.generation.protocol import Look
from webapp.listeners import accounts
from webapp.runtime.errors import NotAllowed, NotReady, NotYours, TooMany
from webapp.runtime.limits import Buckets
from webapp.runtime.long_tasks import until_ended
from webapp.runtime.recent import Recent
from webapp.ui.pages import canvas as page
from webapp.ui.pages.canvas import told
from webapp.worker import LongTaskWorker

pytestmark = pytest.mark.slow

SOMEBODY, USUAL = uuid.UUID(int=7), Look()


def show(context, name, look=USUAL, listener=SOMEBODY):
    return shown_music.show(context.database, context.generation, listener, name, look)


def children() -> list[psutil.Process]:
    return running("webapp.film.showing_process")


@pytest.fixture
def write(context):
    """``write(listener, shown)``: the film is begun, and how far it is until it is written."""

    def looks(listener, shown):
        database, home = context.database, context.settings.home
        shown_music.begin(database, home, listener, shown)
        return until_ended(lambda: shown_music.look(database, home, listener))

    with LongTaskWorker(context).at_work():
        yield looks


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(shown_music, "_kept", Recent(9))


def test_a_clip_is_shown_once_and_kept(context, stock, monkeypatch):
    (clip,) = stock(clips=1)
    found = show(context, f"clips/{clip}")
    assert len(found.moments) == len(found.times_s)
    assert len(found.times_s) == 33  # eight bars
    assert found.times_s == sorted(found.times_s)
    assert found.times_s[-1] <= found.seconds
    assert found.title
    assert show(context, f"clips/{clip}", Look(seed=1)).moments != found.moments
    monkeypatch.setattr(context.generation, "pictures", None)
    assert show(context, f"clips/{clip}") == found


def test_what_is_unknown_unanswered_or_too_much_is_refused(context, stock, monkeypatch):
    with pytest.raises(NotYours):
        show(context, f"clips/{uuid.uuid4()}")
    (clip,) = stock(clips=1)
    for look in (Look("upside down"), Look(seed=-1)):
        with pytest.raises(NotAllowed, match="annotated, learned, axes, rotation"):
            show(context, f"clips/{clip}", look)
    with pytest.raises(NotAllowed, match="can't be shown"):
        show(context, f"clips/{clip}", Look("learned"))  # without links
    context.generation.close()
    del context.generation
    context.generator_url = "http://127.0.0.1:9"
    with pytest.raises(NotReady, match="nothing is lost"):
        show(context, f"clips/{clip}")
    monkeypatch.setattr(shown_music, "_asked", Buckets(0.001, 0))
    with pytest.raises(TooMany):
        show(context, f"clips/{clip}")


def test_what_is_shown_is_written_as_a_film_as_long_as_the_music_and_found_again(context, stock, write):
    (clip,) = stock(clips=1, bpm=480.0)
    listener = accounts.create(context.database)
    shown = show(context, f"clips/{clip}", listener=listener)
    *before, last = write(listener, shown)
    assert last.ended
    assert not any(each.film for each in before)
    assert told(last) == "The film is there: download it."
    with av.open(str(last.film)) as film:
        lengths = [float(stream.duration * stream.time_base) for stream in film.streams]
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
    assert lengths == pytest.approx([shown.seconds] * 2, abs=0.1)
    assert len(frames) == pytest.approx(24 * shown.seconds, abs=1)
    steps = [abs(one - other).mean() for one, other in pairwise(frames)]
    assert 0 < max(steps) < 40  # it moves, and no picture jumps
    assert children() == []
    visited = SimpleNamespace(query_params={})
    _, said, picture, name, tools, film, _, cancel, timer = page.arrive(context, context.tokens.give(listener), visited)
    assert "The film is there" in said
    assert (picture["moments"], name, tools["visible"]) == (shown.moments, shown.name, True)
    assert (film["value"], cancel["visible"], timer["active"]) == (str(last.film), False, False)
    other = context.tokens.give(accounts.create(context.database))
    assert page.arrive(context, other, visited)[3] is None


def test_writing_is_ended_by_whose_it_is(context, stock, write):
    (clip,) = stock(clips=1)
    listener, other = (accounts.create(context.database) for _ in range(2))
    work = write(listener, show(context, f"clips/{clip}", listener=listener))
    next(work)
    for each in (other, listener):
        page.give_up(context, context.tokens.give(each))
    last = list(work)[-1]
    assert (last.ended, last.film, told(last)) == (True, None, "Stopped.")
    assert children() == []


def test_pictures_are_had_over_http_by_whoever_may_hear_the_piece(client, stock):
    (clip,) = stock(clips=1)
    client.get("/api/listener")
    answer = client.get(f"/api/studio/clips/{clip}/pictures", params={"seed": 2})
    assert answer.status_code == 200
    assert {"subjects", "moments", "times_s", "seconds", "notes", "audio_url"} <= set(answer.json())
    assert client.get(f"/api/studio/clips/{clip}/pictures", params={"way": "sideways"}).status_code == 422
    assert client.get(f"/api/studio/clips/{uuid.uuid4()}/pictures").status_code == 404
    learned = client.get(f"/api/studio/clips/{clip}/pictures", params={"way": "learned"})
    assert learned.status_code in {400, 403, 409, 422}
    assert "picks" in learned.text
