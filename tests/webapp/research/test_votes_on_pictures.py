from __future__ import annotations

import csv
import io
import uuid
import zipfile

import pytest

from db.queries import statistics
from db.tables import PICTURES
from webapp.__main__ import main
from webapp.composing import pool
from webapp.listeners import accounts
from webapp.research import study_listeners, vote_report
from webapp.taste import overview

pytestmark = pytest.mark.slow

ON_MUSIC, ON_PICTURES = 6, 4  # votes of ``live(5)``, and of the same listener on pictures


@pytest.fixture
def both(context, live) -> uuid.UUID:
    """Somebody who has voted on music, and then on pictures."""
    listener = live(5)
    pool.fill(context.picture_maker, {"domain": PICTURES, "clips": 24, "seed": 1}, 24)
    accounts.change_domain(context.database, context.journal, listener, PICTURES)
    for _ in range(ON_PICTURES):
        context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, "right", (2000, 2000))
    return listener


def test_a_report_is_on_music_or_on_pictures(context, both, capsys, monkeypatch):
    counted = {}
    for space in context.spaces:
        of_one, of_all = (
            vote_report.of_listener(context.database, space, both),
            vote_report.of_study(context.database, space, "default"),
        )
        assert of_one.metrics == of_all.metrics
        counted[space.of_pictures] = of_one.metrics
    assert counted[True]["prediction.log_loss"].n == ON_PICTURES - 1  # nothing was known before the first
    assert counted[True]["side.left"].value == 0
    assert counted[False]["side.left"].value > 0
    assert (
        counted[False]["votes.equal"].n + counted[True]["votes.equal"].n
        == accounts.account(context.database, both).picks
    )
    pressed = [
        context.database.transaction(lambda s, on=on: statistics.outcomes(s, both, pictures=on)) for on in (0, 1)
    ]
    assert [sum(each.values()) for each in pressed] == [ON_MUSIC, ON_PICTURES]

    monkeypatch.setenv("KALLOS_HOME", str(context.settings.home))
    monkeypatch.setenv("KALLOS_DATABASE_URL", context.settings.database_url)
    monkeypatch.setattr("webapp.context.Context.space", context.space)
    assert main(["report", "listener", str(both), "--pictures"]) == 0
    assert "this listener on pictures" in capsys.readouterr().out


def test_the_taste_page_counts_what_is_chosen(context, both):
    on_pictures = overview.overview(context.database, context.playable, both)
    assert (on_pictures.picks, on_pictures.accuracy.n) == (ON_PICTURES, ON_PICTURES - 1)
    accounts.change_domain(context.database, context.journal, both, "pop")
    on_music = overview.overview(context.database, context.playable, both)
    assert on_music.picks == accounts.account(context.database, both).picks - ON_PICTURES


def test_the_figures_of_a_study_are_of_music_or_of_pictures(client, both):
    sizes = {
        about: client.get("/api/tastes", params={"about": about}).json()["studies"][0]
        for about in ("music", "pictures")
    }
    assert sizes["music"] == {"study_id": "default", "listeners": 1, "votes": ON_MUSIC}
    assert sizes["pictures"] == {"study_id": "default", "listeners": 1, "votes": ON_PICTURES}
    drawn = client.get("/api/tastes/policies", params={"about": "pictures", "form": "csv"}).text
    source, _, table = drawn.partition("\n")
    assert f"1 listeners, {ON_PICTURES} votes on pictures" in source
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {int(row["n"]) for row in rows if row["policy"] == study_listeners.UNIFORM} == {ON_PICTURES}


def test_a_studys_file_has_music_or_pictures(context, both, tmp_path):
    for space, votes, folder, ending in zip(
        context.spaces, (ON_MUSIC, ON_PICTURES), ("midi", "pictures"), ("mid", "svg"), strict=True
    ):
        path = tmp_path / f"{folder}.zip"
        found = vote_report.export(context.database, context.clip_store, space, "default", path)
        assert (found.listeners, found.votes) == (1, votes)
        with zipfile.ZipFile(path) as archive:
            clips = list(csv.DictReader(io.StringIO(archive.read("clips.csv").decode())))
            files = {name for name in archive.namelist() if "/" in name}
            assert files == {f"{folder}/{clip['clip_id']}.{ending}" for clip in clips}
            assert {clip["domain"] for clip in clips} == ({PICTURES} if space.of_pictures else {"pop"})
            assert all(clip[space.names[0]] for clip in clips)
            sheet = archive.read("README.md").decode()
            assert ("piano" in sheet) != space.of_pictures
            if space.of_pictures:
                assert archive.read(min(files)).startswith(b"<svg")
