"""What may come next is drawn as often as it is likely, and nothing else is drawn.

The notes of an onset, upwards or outer voices first: nothing is lost, and what is written keeps to the order.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.music.tokens import BAR, END, LOWEST_PITCH, PITCH, PITCHES, POSITION
from models.style.pieces.conditions import Wishes, classes
from models.style.pieces.grammar import Onsets, draw, outer_first, position_logits, upwards
from models.style.pieces.model import PieceBundle, PieceModel, save_pieces_model, tiny_pieces
from models.style.pieces.sampling import Writer
from models.style.pieces.writing import Writing

PITCH_CLASSES = st.sets(st.integers(0, PITCHES - 1), min_size=1, max_size=5)
BARS = st.lists(st.dictionaries(st.integers(0, 47), PITCH_CLASSES, max_size=4), min_size=1, max_size=3)


def steps_of(bars) -> np.ndarray:
    """Steps of bars of ``{position: pitches}``, upwards."""
    found = []
    for onsets in bars:
        found.append([BAR, -1, -1, -1, 20, 0, 48])
        for position, pitches in sorted(onsets.items()):
            found += [[position, LOWEST_PITCH + pitch, 11, 16, -1, -1, -1] for pitch in sorted(pitches)]
    return np.array(found, dtype=np.int16)


@given(BARS)
def test_an_order_is_undone_by_the_other(bars):
    steps = steps_of(bars)
    assert np.array_equal(upwards(steps), steps)
    assert np.array_equal(upwards(outer_first(steps)), steps)


def test_the_highest_comes_first_then_the_lowest_then_upwards():
    steps = outer_first(steps_of([{0: {10, 20, 30, 40}, 12: {5, 50}, 24: {7}}, {0: {1, 2, 3}}]))
    pitches = steps[steps[:, POSITION] != BAR, PITCH] - LOWEST_PITCH
    assert pitches.tolist() == [40, 10, 20, 30, 50, 5, 7, 3, 1, 2]


@pytest.mark.parametrize("outer", [False, True])
@given(BARS)
def test_each_step_of_real_music_lies_where_its_onset_allows(outer, bars):
    steps = (outer_first if outer else upwards)(steps_of(bars)).astype(np.int64)
    onsets, last = Onsets(1, outer=outer), BAR
    for step in steps:
        if step[POSITION] != BAR:
            low, high = onsets.between(step[[POSITION]])
            assert low < step[PITCH] - LOWEST_PITCH < high
            assert onsets.room() or step[POSITION] != last
        onsets.follow(step[None])
        last = step[POSITION]


def test_there_is_no_room_beside_the_outermost_keys():
    def at(*pitches: int, outer: bool) -> bool:
        onsets = Onsets(1, outer=outer)
        for pitch in pitches:
            onsets.follow(np.array([[0, LOWEST_PITCH + pitch, 11, 16, -1, -1, -1]]))
        return bool(onsets.room()[0])

    assert not at(PITCHES - 1, outer=False)
    assert at(PITCHES - 2, outer=False)
    assert not at(0, outer=True)
    assert at(1, outer=True)
    assert not at(40, 39, outer=True)
    assert at(40, 38, outer=True)
    assert not at(40, 30, 39, outer=True)


@pytest.fixture(scope="module")
def bundle() -> PieceBundle:
    known = tiny_pieces(4).model
    model = PieceModel(replace(known.config, outer_first=True))
    model.load_state_dict(known.state_dict())
    return PieceBundle(model.eval(), {"version": "outer-first"})


def test_what_is_written_outer_first_keeps_to_it_and_comes_out_upwards(bundle):
    writing = Writing(bundle.model, Wishes(2, 6, temperature=1.5, nucleus=1.0), [(0, 0), (0, 1), (0, 2)])
    while not writing.ended.all():
        writing.step()
    chords = 0
    for row, piece in enumerate(writing.pieces()):
        steps = np.stack([step[row] for step in writing.tokens])[: len(piece)]
        assert np.array_equal(outer_first(piece), steps)
        assert np.array_equal(upwards(piece), piece)
        at = classes(piece)[:, POSITION]
        chords += int((at[1:] == at[:-1]).sum())
    assert chords > 10  # so that there was an order to keep


def test_a_specialist_writes_its_kind_and_the_others_are_as_before(bundle):
    plain = Writer(tiny_pieces())
    both = Writer(plain.bundle, {"chorale": bundle})
    alone = Writer(bundle)

    def notes(writer: Writer, domain):
        return writer.compose(domain, bars=4, seed=3)[0].notes

    assert np.array_equal(notes(both, "chorale"), notes(alone, "chorale"))
    assert not np.array_equal(notes(both, "chorale"), notes(plain, "chorale"))
    for domain in ("pop", "dance"):
        assert np.array_equal(notes(both, domain), notes(plain, domain))
    assert both.version != plain.version
    assert both.version != Writer(plain.bundle, {"chorale": replace(bundle, card={"version": "another"})}).version


def test_a_chorale_is_played_on_from_its_own_notes(bundle):
    writer = Writer(tiny_pieces(), {"chorale": bundle})
    begun = writer.compose("chorale", bars=4, seed=5, ending=False)[0]
    longer = writer.play_on(begun, 2, seed=1)[0]
    until = longer.bars[len(begun.bars) - 2, 0]  # the last bars may have been written again
    assert np.array_equal(begun.notes[begun.notes[:, 0] < until, :3], longer.notes[longer.notes[:, 0] < until, :3])
    assert len(longer.bars) > len(begun.bars)


def test_a_card_that_names_a_specialist_of_another_kind_is_refused(bundle, tmp_path):
    card = {"preset": "cpu", "steps": 1, "seed": 0}

    def saved(name: str, model, **more):
        save_pieces_model(tmp_path / name, model.config, model.state_dict(), {**card, **more}, {"test": []})
        return str(tmp_path / name)

    own = saved("own", bundle.model, version="own", validation={"chorale.pitch": 1.0, "chorale": 1.5})
    for_chorales = saved("chorales", tiny_pieces().model, version="all", specialists={"chorale": own})
    assert list(Writer.load(for_chorales).specialists) == ["chorale"]
    for_dances = saved("dances", tiny_pieces().model, version="all", specialists={"dance": own})
    with pytest.raises(ValueError, match="as its specialist for dance, but that model's card has no figure of dance"):
        Writer.load(for_dances)


LOGITS = np.log(np.array([0.1, 0.5, 0.05, 0.35], dtype=np.float32))
DRAWS = 2000


def shares(logits, temperature=1.0, top_p=1.0):
    """How often each class is drawn, over all uniform numbers."""
    uniform = (np.arange(DRAWS, dtype=np.float32) + 0.5) / DRAWS
    heat, nucleus = (np.full(DRAWS, value, dtype=np.float32) for value in (temperature, top_p))
    drawn = draw(np.tile(logits, (DRAWS, 1)), uniform, heat, nucleus)
    return np.bincount(drawn, minlength=len(logits)) / DRAWS


@pytest.mark.parametrize(
    ("temperature", "top_p", "expected"),
    [
        (1.0, 1.0, [0.1, 0.5, 0.05, 0.35]),
        (1.0, 0.9, [0.1 / 0.95, 0.5 / 0.95, 0, 0.35 / 0.95]),  # the one that passes .9 is still in
        (1.0, 0.8, [0, 0.5 / 0.85, 0, 0.35 / 0.85]),
        (1.0, 0.0, [0, 1, 0, 0]),
        (0.5, 1.0, np.array([0.01, 0.25, 0.0025, 0.1225]) / 0.385),
        (0.0, 1.0, [0, 1, 0, 0]),
    ],
)
def test_classes_are_drawn_as_often_as_they_are_likely(temperature, top_p, expected):
    assert shares(LOGITS, temperature, top_p) == pytest.approx(expected, abs=1.5 / DRAWS)


def test_what_may_not_be_is_never_drawn():
    logits = np.where([True, False, True, False], LOGITS, -np.inf)
    assert shares(logits) == pytest.approx([2 / 3, 0, 1 / 3, 0], abs=1.5 / DRAWS)


def test_each_row_has_its_own_temperature_and_nucleus():
    uniform = np.full(3, 0.999, dtype=np.float32)
    drawn = draw(np.tile(LOGITS, (3, 1)), uniform, np.array([1, 0, 1], np.float32), np.array([1, 1, 0.8], np.float32))
    assert drawn.tolist() == [2, 1, 3]


def test_notes_keep_their_order_within_the_bar_and_the_bar_before_the_last_one_goes_on():
    logits = np.zeros((3, END + 1), dtype=np.float32)
    last, length, notes = np.array([BAR, 12, 12]), np.array([48, 48, 24]), np.array([0, 1, 1])
    room = np.array([True, True, False])
    number = np.array([1, 3, 4])
    found = position_logits(logits, last, length, notes, number, room=room, earliest=4, latest=4)
    may = [np.flatnonzero(np.isfinite(row)).tolist() for row in found]
    assert may == [[*range(48), BAR], [*range(12, 48), BAR], [*range(13, 24), END]]
    assert found[:, [BAR, END]].max(1) == pytest.approx(np.log(2)), "the one that may come has the weight of both"
