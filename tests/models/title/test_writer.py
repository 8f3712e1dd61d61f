"""A writer of titles: it learns what titles say of melodies, and writes the same titles again for the same seed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.title.melody_encoders import MelodyConfig
from models.title.tunes import LONGEST_TITLE, Tune, spelled
from models.title.writer import (
    Known,
    TitleWriter,
    WriterConfig,
    capitalised,
    ideas,
    load_writer,
    save_writer,
    spelled_letters,
    written_for,
)
from models.train.titles import WRITER_PRESETS, TrainedWriter, nats_a_letter, train_writer

SMALL = WriterConfig(MelodyConfig("linear", 8, 8), width=8, hidden=16)


@pytest.fixture(scope="module")
def trained(made_tunes: list[Tune]) -> TrainedWriter:
    return train_writer({"train": made_tunes[:80], "validation": made_tunes[80:]}, WRITER_PRESETS["tiny"], 0)


def test_what_a_melody_says_is_written_and_saves_nats(trained: TrainedWriter, made_tunes: list[Tune]) -> None:
    writer, unheard = trained.writer, made_tunes[80:]
    told = [written[0].split() for written in written_for(writer, unheard, 1, 0)]
    wrong = {"reel": "jig", "jig": "reel"}
    right = [wrong[str(tune.genre)] not in words for tune, words in zip(unheard, told, strict=True)]
    assert sum(right) > 0.8 * len(unheard)
    assert any("reel" in words for words in told)
    assert any("jig" in words for words in told)
    assert nats_a_letter(writer, unheard) < nats_a_letter(writer, unheard, melody=False) - 0.02
    assert nats_a_letter(writer, unheard) == pytest.approx(trained.nats, abs=1e-4)


@pytest.mark.slow
def test_more_guidance_listens_more_to_the_melody(trained: TrainedWriter, made_tunes: list[Tune]) -> None:
    def right(guidance: float) -> int:
        config = replace(trained.writer.config, guidance=guidance, temperature=1.5)
        writer = TitleWriter(config).eval()
        writer.load_state_dict(trained.writer.state_dict())
        many = written_for(writer, made_tunes[80:], 8, 0)
        return sum(
            str(tune.genre) in title.split() for tune, own in zip(made_tunes[80:], many, strict=True) for title in own
        )

    assert right(3.0) > right(0.0)


def test_the_same_seed_writes_the_same_titles_and_a_saved_writer_too(
    trained: TrainedWriter, made_tunes: list[Tune], tmp_path: Path
) -> None:
    rounded = TitleWriter(trained.writer.config).eval()
    rounded.load_state_dict({name: value.half().float() for name, value in trained.writer.state_dict().items()})
    written = written_for(rounded, made_tunes[:5], 4, 7)
    assert written == written_for(rounded, made_tunes[:5], 4, 7)
    assert written != written_for(rounded, made_tunes[:5], 4, 8)
    save_writer(tmp_path, rounded, {"preset": "tiny", "seed": 0}, {"test": ["b", "a"]})
    bundle = load_writer(tmp_path)
    assert written == written_for(bundle.writer, made_tunes[:5], 4, 7)
    assert bundle.version.startswith("writer-tiny-0-")
    assert bundle.held_out == {"test": ["a", "b"]}


def test_nats_are_those_of_the_letters_one_by_one(made_tunes: list[Tune]) -> None:
    writer = TitleWriter(SMALL).eval()
    titles = ["Ann", "The Cow"]
    vectors = writer.melodies(made_tunes[:2])
    with torch.no_grad():
        told, letters = writer.nats(vectors, titles)
        for row, title in enumerate(titles):
            one = spelled_letters([title])
            state, total = None, 0.0
            for now, then in zip(one[0, :-1], one[0, 1:], strict=True):
                logits, state = writer(vectors[row : row + 1], now.reshape(1, 1), state)
                total -= float(logits[0, 0].log_softmax(-1)[then])
            assert float(told[row]) == pytest.approx(total, rel=1e-4)
            assert int(letters[row]) == len(title) + 1


def test_titles_end_and_have_letters(made_tunes: list[Tune]) -> None:
    for written in written_for(TitleWriter(SMALL).eval(), made_tunes[:3], 20, 0):
        for title in written:
            assert title == spelled(title)
            assert 0 < len(title) <= LONGEST_TITLE


def test_only_new_titles_of_known_words_are_kept_where_there_are_some() -> None:
    known = Known.of(["The Mill Reel", "Ann's Glen"])
    assert ideas(["the mill reel", "the glen", "the glen", "the glon"], known) == ["the glen"]
    assert ideas(["the mill reel", "the glon", "the glen reel"], known) == ["the glon"]
    assert known.share("the glon") == 0.5


def test_titles_are_printed_as_people_print_them() -> None:
    for title in ("The Piper of O'Brien's Well", "McCabe and the Rose-Bud", "The 3 D'Arcys", "Of Old"):
        assert capitalised(spelled(title)) == title
