"""Generated music beside real: faults that were put in are measured, and the command's last line is the contract's."""

import json

import numpy as np
import pytest

from models.evaluate import pieces as command
from models.experiments.report import Report
from models.metrics.structure import RANGES_S
from models.music.midi import write_midi
from models.music.notes import MusicError, Piece
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.evaluation.pieces import Judges, measures
from tests.models.style.conftest import make_tune

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_voter")]

SCALE = [60, 62, 64, 65, 67, 69, 71, 72, 74, 76]


def tune(seed: int, bars: int = 16) -> Piece:
    """Eighths that walk up and down a scale, by step mostly, in a key of its own."""
    rng = np.random.default_rng(seed)
    places = np.abs((np.cumsum(rng.choice([-1, 1, 2], size=bars * 8)) + 9) % 18 - 9)
    notes = [(at * 12, 12, SCALE[place] + seed % 12, 70 + seed % 9) for at, place in enumerate(places)]
    table = np.array([(bar * 96, 96, 4, 4) for bar in range(bars)])
    tempo = np.full(bars, 90.0 + seed % 40)
    return Piece(np.array(notes), table, tempo, domain="dance", source="made", piece_id=str(seed))


@pytest.fixture(scope="module")
def music() -> tuple[list[Piece], list[Piece]]:
    return [tune(seed) for seed in range(40)], [tune(seed) for seed in range(100, 130)]


@pytest.fixture(scope="module")
def figures(music, one_voter) -> dict[str, float | None]:
    training, test = music
    composers = {
        "copy": lambda domain, count, bars, seed: [p.window(0, 8).transposed(2) for p in training[:count]],
        "noise": lambda domain, count, bars, seed: [make_tune(number) for number in range(count)],
        "none": lambda domain, count, bars, seed: [],
    }
    report = Report("evaluate.pieces", {}, {}, 0)
    command.evaluate(report, training, test, composers, ["pop", "dance"], bars=8, limit=25)
    return {name.removeprefix("pieces.dance."): metric for name, metric in report.metrics.items()}


def test_noise_is_dearer_than_real_music_and_copies_are_cheaper(figures) -> None:
    bits = {name: figures[f"idiom_bits.{name}"].value for name in ("real", "copy", "noise")}
    assert bits["copy"] < bits["real"] < bits["noise"]
    assert figures["idiom_bits.noise"].baseline == bits["real"]
    assert figures["idiom_bits.noise"].low > figures["idiom_bits.real"].high
    assert figures["steps.real"].value > figures["steps.noise"].value


def test_training_music_stands_beside_held_out_music_as_it_is(figures) -> None:
    assert figures["copied.training"].value == 1
    assert figures["two_sample.training"].high < figures["two_sample.noise"].low


def test_copies_in_another_key_are_found_and_real_tunes_copy_next_to_nothing(figures) -> None:
    assert figures["copied.copy"].value == 1
    assert figures["copied_two_bars.copy"].value == 1
    assert figures["copied.real"].value == figures["copied_two_bars.real"].value == 0
    assert figures["copied_bars.copy_bot"].value == 1
    assert figures["copied_two_bars.copy_bot"].value < 0.5  # its bars are real, not how they follow


def test_the_classifier_tells_noise_from_real_and_real_from_real_hardly(figures) -> None:
    assert figures["two_sample.noise"].value > 0.95
    assert figures["two_sample_matched.noise"].value > 0.9
    assert figures["two_sample.real"].value < 0.75


def test_a_method_without_music_and_a_domain_without_music_are_null_and_absent(figures) -> None:
    for measure in ("idiom_bits", "two_sample", "two_sample_matched", "copied", "steps"):
        assert figures[f"{measure}.none"].value is None
    assert not any(name.startswith("pieces.") for name in figures)  # no pop
    with pytest.raises(MusicError, match="none of pop"):
        command.evaluate(Report("", {}, {}, 0), [], [], {}, ["pop"], bars=8, limit=2)


def test_parallels_of_chorales_are_measured() -> None:
    def chorale(number: int, *, parallel: bool) -> Piece:
        steps = [0, 2, 4, 2] * 8
        chords = [(72 + s, 64 + s, 55 + s, 48 + s) if parallel else (72 + s, 67, 64, 60 - s) for s in steps]
        notes = [(beat * 24, 24, pitch, 70) for beat, chord in enumerate(chords) for pitch in chord]
        table = np.array([(bar * 96, 96, 4, 4) for bar in range(8)])
        return Piece(np.array(notes), table, np.full(8, 76.0), domain="chorale", piece_id=str(number))

    judges = Judges.fit("chorale", [chorale(0, parallel=False)])
    amount, changes = measures(chorale(1, parallel=True), judges)["parallels"]
    assert (amount, changes) == (2 * 31, 31)  # tenor and bass in fifths, soprano and bass in octaves
    assert measures(chorale(1, parallel=False), judges)["parallels"] == (0, 31)


def test_the_last_line_is_the_json_of_the_contract(music, weights, tmp_path, monkeypatch, capsys) -> None:
    training, test = music
    monkeypatch.setattr(command, "corpora_parts", lambda folder: {"train": training, "test": test})
    (tmp_path / "dance").mkdir()
    for number in range(3):
        (tmp_path / "dance" / f"{number}.mid").write_bytes(write_midi(tune(200 + number)))
    asked = ["--model", str(weights), "--limit", "4", "--seed", "1", "--domains", "dance"]
    command.main([*asked, "--pieces", f"ours={tmp_path}"])
    *table, last = capsys.readouterr().out.splitlines()
    assert any("idiom_bits" in line and "copy_bot" not in line for line in table)
    assert any(all(method in line for method in ("real", "flow", "ours", "ngram", "copy_bot")) for line in table)
    found = json.loads(last)
    assert (found["command"], found["seed"], found["data"]["bars"]) == ("evaluate.pieces", 1, 8)
    assert found["model"]["writer"] == Composer(load_style(weights)).writer.version
    names = {"idiom_bits", "chord_bits", "two_sample", "two_sample_matched", "copied", "steps", "leap", *RANGES_S}
    keys = {f"pieces.dance.{name}.{method}" for name in names for method in ("ours", "flow", "ngram", "copy_bot")}
    assert keys <= set(found["metrics"])
    assert found["metrics"]["pieces.dance.idiom_bits.ours"]["n"] == 3

    command.main([*asked, "--bars", "whole"])
    whole = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert whole["data"]["bars"] == "whole"
    assert whole["metrics"]["pieces.dance.idiom_bits.flow"]["value"] is None
    assert whole["metrics"]["pieces.dance.idiom_bits.ngram"]["n"] == 4
