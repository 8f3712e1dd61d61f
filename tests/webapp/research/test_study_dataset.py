from __future__ import annotations

import csv
import io
import zipfile

import pytest
from sqlalchemy import text, update

from db.tables import Offer
from models.music.midi import read_midi
from models.rating.plays import read_plays
from models.rating.sound import read_sound
from models.taste.evaluation.study import load_study
from webapp.__main__ import main
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.research import vote_report
from webapp.research.vote_report import UnknownStudyError

pytestmark = pytest.mark.slow


@pytest.fixture
def people(context, live):
    return [live(picks) for picks in (5, 3, 4)]


def table(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode())))


def test_every_vote_is_there_and_no_name(context, people, tmp_path):
    found = vote_report.export(context.database, context.clip_store, context.space, "default", tmp_path / "study.zip")
    assert (found.listeners, found.votes) == (3, 5 + 3 + 4 + 3)
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        votes, clips = table(archive, "votes.csv"), table(archive, "clips.csv")
        whole = b"".join(archive.read(name) for name in archive.namelist()).decode("latin-1")
        whole += "".join(archive.namelist())
        assert read_midi(archive.read(f"midi/{votes[0]['left']}.mid")).notes.shape[0] > 0
        assert "15 votes on pairs and 0 picks of four by 3 listeners" in archive.read("README.md").decode()
    names = ("listeners", "clips", "offers")
    ids = context.database.transaction(
        lambda s: [str(i) for n in names for i in s.scalars(text(f"SELECT id FROM {n}"))]
    )
    assert len(ids) > 30
    assert [each for each in ids if each in whole or each.replace("-", "") in whole] == []
    assert not any(stamp in whole for stamp in ("2026-", "20:", "+00:00"))
    assert {vote["listener_id"] for vote in votes} == {"p0001", "p0002", "p0003"}
    assert [int(v["number"]) for v in votes if v["listener_id"] == "p0001"] == list(
        range(1, 1 + sum(v["listener_id"] == "p0001" for v in votes))
    )
    assert {vote["outcome"] for vote in votes} == {"left", "right", "equal", "neither", "skipped"}
    assert {side for vote in votes for side in (vote["left"], vote["right"])} == {clip["clip_id"] for clip in clips}
    assert all(0 < float(vote["pair_probability"]) <= 1 for vote in votes)


def test_no_number_of_ones_own_download_names_ones_lines(context, people, tmp_path):
    vote_report.export(context.database, context.clip_store, context.space, "default", tmp_path / "study.zip")
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        votes = archive.read("votes.csv").decode()
    exact = set()
    for listener in people:
        for offer in export(context.database, listener)["offers"]:
            told = offer["prediction"] or {}
            exact |= {offer["pair_probability"], *(told[name] for name in ("p_left", "p_equal", "p_right") if told)}
    long = {repr(each) for each in exact if len(repr(each)) > 8}
    assert len(long) > 20
    assert [each for each in long if each in votes] == []


def test_pairs_from_somebodys_studio_stay_away(context, people, tmp_path):
    def change(session):
        session.execute(update(Offer).where(Offer.listener_id == people[0]).values(policy="studio"))

    context.database.transaction(change)
    found = vote_report.export(context.database, context.clip_store, context.space, "default", tmp_path / "study.zip")
    assert found.listeners == 2


def test_the_evaluation_reads_it(context, people, live, tmp_path):
    live(12)  # so that ten clips were judged, whichever are drawn
    vote_report.export(context.database, context.clip_store, context.space, "default", tmp_path / "study.zip")
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        archive.extractall(tmp_path / "study")
    study = load_study(tmp_path / "study", None, quiet=True)
    assert study.form == "votes"
    assert len(study.judgements.value) > 0


def test_the_rating_network_can_learn_from_it(context, people, tmp_path):
    vote_report.export(context.database, context.clip_store, context.space, "default", tmp_path / "study.zip")
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        archive.extractall(tmp_path / "study")
        votes = [vote for vote in table(archive, "votes.csv") if vote["outcome"] != "skipped"]
    plays = read_plays(tmp_path / "study")
    assert plays.played.sum() == 2 * len(votes)
    assert plays.liked.sum() == sum(vote["outcome"] in {"left", "right"} for vote in votes)
    assert read_sound(plays.files[0]).seconds > 5


def test_the_command_writes_it_and_knows_no_other_study(context, people, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KALLOS_HOME", str(context.settings.home))
    monkeypatch.setenv("KALLOS_DATABASE_URL", context.settings.database_url)
    delete(context.records, people[0])
    path = tmp_path / "there" / "study.zip"
    assert main(["study", "export", "--out", str(path)]) == 0
    assert "9 votes and 0 picks of four by 2 listeners" in capsys.readouterr().out
    assert path.exists()
    assert main(["study", "export", "nothing", "--out", str(path)]) == 1
    assert "no study 'nothing'; there are default" in capsys.readouterr().err
    with pytest.raises(UnknownStudyError):
        vote_report.export(context.database, context.clip_store, context.space, "nothing", path)
