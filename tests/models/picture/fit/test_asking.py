"""Questions: of both kinds, never twice, with a known probability, and those that tell most."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from models.picture.fit.asking import CONTROL, NoQuestionLeftError, Shown, candidates, choose
from models.picture.fit.head import features, new_head
from models.taste.acquisition import information_gain


def material(pieces: int = 8, pictures: int = 7):
    rng = np.random.default_rng(0)
    return rng.normal(size=(pieces, 5)), rng.normal(size=(pictures, 4))


def gain(question, music, pictures) -> float:
    head = new_head()
    both = [features(music[piece], pictures[picture]) for piece, picture in (question.left, question.right)]
    difference = both[0] - both[1]
    variance = difference @ head.covariance @ difference
    return float(information_gain([difference @ head.mean], [variance], head.tie)[0])


def test_questions_share_one_side_and_never_come_again() -> None:
    music, pictures = material(3, 3)
    shown, rng, kinds = Shown.nothing(3, 3), np.random.default_rng(0), Counter()
    for _ in range(18):  # three pieces with three pairs of pictures, and the reverse
        question = choose(new_head(), music, pictures, shown=shown, generator=rng)
        (piece, picture), (other_piece, other_picture) = question.left, question.right
        assert (piece == other_piece) == (question.kind == "pictures")
        assert (picture == other_picture) == (question.kind == "pieces")
        assert frozenset((question.left, question.right)) not in shown.compared
        assert 0 < question.probability <= 1
        shown = shown.and_then(question.left, question.right)
        kinds[question.kind] += 1
    assert kinds == {"pictures": 9, "pieces": 9}
    with pytest.raises(NoQuestionLeftError, match="3 pieces and 3 pictures"):
        choose(new_head(), music, pictures, shown=shown, generator=rng)


@pytest.mark.slow
def test_the_probability_is_how_often_a_question_comes() -> None:
    music, pictures = material(3, 3)
    shown, rng, drawn, told = Shown.nothing(3, 3), np.random.default_rng(1), Counter(), {}
    for _ in range(600):
        question = choose(new_head(), music, pictures, shown=shown, generator=rng, seed=3)
        both = frozenset((question.left, question.right))
        drawn[both] += 1
        told[both] = question.probability
    assert sum(told.values()) > 0.85
    for both, probability in told.items():
        assert drawn[both] / 600 == pytest.approx(probability, abs=4.5 * np.sqrt(probability / 600) + 1e-3)


def test_what_is_asked_tells_more_than_what_is_drawn_at_random() -> None:
    music, pictures = material(30, 30)
    shown = Shown.nothing(30, 30)
    ours, random = (
        [
            gain(choose(new_head(), music, pictures, shown=shown, generator=rng, control=control), music, pictures)
            for _ in range(40)
        ]
        for control, rng in ((CONTROL, np.random.default_rng(1)), (1.0, np.random.default_rng(1)))
    )
    assert np.mean(ours) > 2 * np.mean(random)


def test_what_was_shown_often_comes_less() -> None:
    music, pictures = material(20, 20)
    rng = np.random.default_rng(0)
    often = np.zeros(20, dtype=np.int64)
    first = choose(new_head(), music, pictures, shown=Shown.nothing(20, 20), generator=rng, control=0.0)
    often[[first.left[0], first.right[0]]] = 20
    shown = Shown(often, np.zeros(20, dtype=np.int64))
    asked = [choose(new_head(), music, pictures, shown=shown, generator=rng, control=0.0) for _ in range(30)]
    assert not any(first.left[0] in (each.left[0], each.right[0]) for each in asked)


def test_there_is_no_question_about_one_picture_and_one_piece() -> None:
    assert len(candidates("pictures", Shown.nothing(1, 1), (0,))) == 0
    assert len(candidates("pictures", Shown.nothing(1, 2), (0,))) == 1
    assert len(candidates("pieces", Shown.nothing(1, 2), (0,))) == 0
