"""What is learned of how real pieces lie is kept beside the card, and the way of drawing stays where it is to."""

import json

import pytest

from models.style.evaluation.clips import Excerpts
from models.style.pieces.model import load_pieces_model, save_pieces_model, tiny_pieces
from models.style.pieces.sampling import Writer
from models.train import pieces_sampling
from models.train.pieces_sampling import Trials, main

pytestmark = pytest.mark.slow


def test_where_real_music_lies_is_learned_and_the_way_of_drawing_stays(dance_music, tmp_path, capsys):
    tiny = tiny_pieces()
    sampling = {"dance": {"temperature": 0.7, "nucleus": 0.9}}
    card = {"preset": "tiny", "steps": 0, "seed": 0, "sampling": sampling}
    save_pieces_model(tmp_path, tiny.model.config, tiny.model.state_dict(), card, {})
    before = Writer.load(tmp_path)
    main([str(tmp_path), "--data", str(dance_music), "--keep"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    after = Writer.load(tmp_path)
    assert told["version"] == after.bundle.version == load_pieces_model(tmp_path).version == before.bundle.version
    assert after.version.startswith(f"{told['version']}-")
    assert after.version != before.version  # the same seed gives other music
    assert set(after.transpositions) == {"dance"}
    assert after.bundle.card["sampling"] == sampling
    assert set(after.forms) == {"dance"}


def test_search_and_returning_bars_are_chosen_and_the_writer_takes_them_from_the_card(
    dance_music, tmp_path, capsys, monkeypatch
):
    tiny = tiny_pieces()
    save_pieces_model(
        tmp_path, tiny.model.config, tiny.model.state_dict(), {"preset": "tiny", "steps": 0, "seed": 0}, {}
    )
    monkeypatch.setattr(pieces_sampling, "CHOICES", ((0.5, 0.9, 1.0),))
    monkeypatch.setattr(pieces_sampling, "SEARCHES", {"dance": ((2, 8.0),)})
    monkeypatch.setattr(pieces_sampling, "REPEAT_BIAS", {"dance": (1.5,)})
    monkeypatch.setattr(pieces_sampling, "REPEAT_BIAS_EXCERPTS", {"dance": (0.5,)})
    monkeypatch.setattr(pieces_sampling, "MOST_WHOLE", 1)
    main([str(tmp_path), "--data", str(dance_music), "--limit", "2", "--domains", "dance"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["sampling"]["dance"]
    writer = Writer.load(tmp_path)
    chosen = writer.bundle.card["sampling"]["dance"]
    assert chosen == told[0]
    assert (chosen["temperature"], chosen["among"], chosen["faults"], chosen["returning"]) == (0.5, 2, 8.0, 1.5)
    assert chosen["returning_excerpts"] == 0.5
    assert chosen["most_crowded"] == pytest.approx(8, abs=4)  # notes a bar of tunes
    assert {"told", "told_whole", "bits", "part_writing", "si_mid", "si_long"} <= set(chosen)
    assert (writer.among("dance"), writer.among("chorale")) == (2, 1)
    assert len(writer.compose("dance", count=2, bars=2)) == 2


def test_of_those_that_are_hardly_told_the_nearest_to_real_music_is_best():
    trials = Trials(None, "dance", Excerpts([None] * 3, ["a", "b", "c"], []), lambda _: 2.0, 8, 3, 0)
    rows = [{"told": told, "bits": bits} for told, bits in ((0.9, 2.0), (0.6, 1.5), (0.55, 2.4), (0.5, 3.0))]
    assert trials.best(rows, "bits") == rows[2]
    assert trials.best([{**row, "told": row["told"] + 0.2} for row in rows], "bits")["bits"] == 3.0
