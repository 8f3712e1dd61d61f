"""The command that measures beauty without labels, from judgements to what the generator writes, with tiny models."""

from __future__ import annotations

import json
from shutil import copyfile

import pytest

from models.evaluate import taste, tension
from models.experiments.dataset import piece_name, training_pieces
from models.rating.agent import TENSION_AGENT
from models.rating.agent.policy import Adapter, save_agent
from models.style.checkpoint import tiny_style
from models.style.pieces.model import load_pieces_model, save_pieces_model, tiny_pieces
from models.style.pieces.sampling import Writer
from models.taste import clip_effects, hierarchy
from models.taste.evaluation import methods
from models.taste.evaluation import study as listeners_study
from models.tension import guided, persons
from models.tension.evaluation import excerpts, of_another_song
from models.tension.guided import MODES, OVER_BARS, PLAIN, TRAINED
from models.tension.score import load_tension
from models.train import tension as training

pytestmark = pytest.mark.slow  # two small models are trained first


@pytest.fixture(scope="module")
def model(tunes, tmp_path_factory):
    """A tension model that hears dance tunes through a tiny piece model."""
    pieces, out = tmp_path_factory.mktemp("pieces"), tmp_path_factory.mktemp("tension")
    tiny = tiny_pieces().model
    save_pieces_model(pieces, tiny.config, tiny.state_dict(), {"preset": "tiny", "steps": 0, "seed": 0}, {})
    training.main(["--preset", "tiny", "--pieces", str(pieces), "--data", str(tunes), "--out", str(out)])
    return out


@pytest.fixture(autouse=True)
def little(monkeypatch, tunes) -> None:
    """Few tunes in the place of the corpora, and short searches."""
    pieces = training_pieces(tunes)
    parts = {"train": pieces[:6], "validation": pieces[10:13], "test": pieces[6:]}
    monkeypatch.setattr(tension, "corpora_parts", lambda _: parts)
    monkeypatch.setattr(tension, "style_argument", lambda _: tiny_style())
    monkeypatch.setattr(tension, "half_known", lambda study, seed: taste.half_known(study, seed, splits=1))
    monkeypatch.setattr(taste, "SHUFFLES", 1)
    monkeypatch.setattr(persons, "SHUFFLES", 20)
    monkeypatch.setattr(methods, "TREES", 5)
    monkeypatch.setattr(methods, "FOLDS", 4)
    monkeypatch.setattr(clip_effects, "SEARCH_STEPS", 2)
    monkeypatch.setattr(hierarchy, "EM_STEPS", 5)
    for module in (listeners_study, persons):
        monkeypatch.setattr(module, "DRAWS", 20)
    monkeypatch.setattr(guided, "AMONG", 2)


def printed(capsys) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_judgements_are_compared_with_what_was_heard(model, listening_folder, capsys) -> None:
    given = ["--limit", "2", "--guided", "0", "--heads", "0"]
    tension.main(["--model", str(model), "--data", str(listening_folder("ratings")), *given])
    found = printed(capsys)
    assert found["command"] == "evaluate.tension"
    assert found["data"]["judgements"]
    metrics = found["metrics"]
    for name in (
        "real_above_shuffled.both", "real_above_swapped.dance.ngram", "liking.surprise", "liking.product.smallest",
        "liking.persons.surprise.inverted_u.above", "liking.persons.uncertainty.r2", "liking.persons.product.spread",
        "pairs.both.accuracy", "pairs.trees.accuracy", "features.known.gain", "features.unheard.gain",
        "features.mood.known.gain", "features.all.unheard.gain",
    ):  # fmt: skip
        assert metrics[f"tension.{name}"]["value"] is not None, name
    assert not any(name.startswith("tension.guided") for name in metrics)


def test_a_half_is_never_swapped_for_another_of_the_same_piece(tunes) -> None:
    real = excerpts(training_pieces(tunes), "dance", limit=100, seed=0)
    assert real.songs[-1] == real.songs[-2]  # the longest tunes have most of them
    for index, song in enumerate(real.songs):
        other = of_another_song(real, index)
        assert piece_name(other) != song
        if index + 1 < len(real.songs) and real.songs[index + 1] != song:
            assert other is real.pieces[index + 1]


def test_one_long_tune_is_too_little_to_spoil(model, tmp_path) -> None:
    (tmp_path / "tune.abc").write_text("X:1\nM:4/4\nL:1/8\nK:C\n" + "CDEFGABc|" * 208, encoding="ascii")
    with pytest.raises(SystemExit, match="no domain has 8 songs to be spoiled"):
        tension.main(["--model", str(model), "--data", str(tmp_path), "--guided", "0", "--heads", "0"])


def test_judged_clips_without_notes_end_it_in_one_sentence(listening_folder) -> None:
    folder = listening_folder("ratings")
    assert len(tension.judged_clips(folder, ["c0", "c1"])) == 2
    with pytest.raises(SystemExit, match=r"no midi/recorded\.mid; tension is heard in notes.*add the files of 1 clip"):
        tension.judged_clips(folder, ["c0", "recorded"])


def test_clips_are_those_that_the_study_takes_however_their_files_are_called(listening_folder, tmp_path) -> None:
    (tmp_path / "midi").mkdir()
    for name, own in {"c0": "C0.MID", "c1": "c1.rmi"}.items():
        copyfile(listening_folder("ratings") / "midi" / f"{name}.mid", tmp_path / "midi" / own)
    assert len(tension.judged_clips(tmp_path, ["c0", "c1.mid"])) == 2


def test_votes_alone_have_no_effects_on_liking(model, listening_folder, capsys) -> None:
    given = ["--limit", "2", "--guided", "0", "--heads", "0"]
    tension.main(["--model", str(model), "--data", str(listening_folder("votes")), *given])
    metrics = printed(capsys)["metrics"]
    assert not any("liking" in name for name in metrics)
    assert metrics["tension.features.known.gain"]["value"] is not None


def test_each_way_of_writing_is_measured_beside_the_plain_one(model, tunes, tmp_path, capsys) -> None:
    pieces = load_pieces_model(load_tension(model).card["pieces"]["name"])
    card = {"writer": pieces.version, "domains": ["dance"], "name": "agent", "preset": "tiny", "steps": 0, "seed": 0}
    save_agent(tmp_path, Adapter(pieces.model, 2, seed=0), card)
    given = ["--model", str(model), "--agent", str(tmp_path), "--judge", str(model), "--data", str(tunes)]
    tension.main([*given, "--limit", "2", "--guided", "2", "--heads", "0"])
    metrics = printed(capsys)["metrics"]
    for way in (PLAIN, TRAINED, *MODES, *(f"{name}{OVER_BARS}" for name in MODES)):
        own, judged = (metrics[f"tension.guided.dance.{way}.{whose}certainty"] for whose in ("", "judged_"))
        assert own["n"] == 2
        assert judged["value"] == pytest.approx(own["value"])  # the judge is the same model here
    open_, plain = (metrics[f"tension.guided.{way}.certainty"]["value"] for way in ("future", PLAIN))
    assert open_ <= plain
    assert metrics["tension.guided.future.certainty"]["baseline"] == plain
    assert not any("liking" in name for name in metrics)


def test_an_agent_that_is_asked_for_and_cannot_be_loaded_ends_it(tmp_path) -> None:
    writer = Writer(tiny_pieces())
    with pytest.raises(SystemExit):
        tension.agent_of(tmp_path / "none", writer)
    assert tension.agent_of(TENSION_AGENT, writer) is None  # which learned on another writer
