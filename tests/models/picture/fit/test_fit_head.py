"""The bilinear tie: its prior, what an answer teaches, its words, and what it asks of a film.

Questions: of both kinds, never twice, with a known probability, and those that tell most.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from models.metrics.music_statistics import ATTRIBUTES
from models.picture import readouts
from models.picture.fit.head import (
    ANNOTATED,
    CONTROL,
    FOLLOWING_SD,
    HEARD,
    LIKING_SD,
    MOST,
    SEEN,
    SIZE,
    TIE_SD,
    USUAL_MUSIC,
    NoQuestionLeftError,
    Shown,
    all_links,
    annotated,
    candidates,
    choose,
    features,
    learned,
    links,
    new_head,
    of_music,
    of_pictures,
    tie,
    told,
    unlike_most,
)
from models.picture.tie.annotated import LINKS
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


def rows(count: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, len(HEARD))), rng.normal(size=(count, len(SEEN)))


def test_it_measures_what_the_annotated_tie_links_in_its_order() -> None:
    assert readouts.READOUTS[: len(SEEN)] == SEEN
    assert list(LINKS.items())[: len(SEEN)] == list(zip(SEEN, list(HEARD)[: len(SEEN)], strict=True))
    assert LINKS["motion"] == list(HEARD)[-1]
    assert set(HEARD.values()) <= set(ATTRIBUTES)


def test_a_usual_clip_lies_in_the_middle_and_an_extreme_one_at_the_edge() -> None:
    for domain, (mean, _) in USUAL_MUSIC.items():
        usual = dict(zip(HEARD.values(), mean.tolist(), strict=True))
        usual["tempo_bpm"] = 2 ** usual["tempo_bpm"]
        assert np.allclose(of_music(usual, domain), 0)
        assert of_music(usual | {"mean_pitch": 1000.0}, domain)[0] == MOST
    assert np.allclose(of_pictures([[0.5, 0, 1, 0]], [[0.5, 0, 0, 0], [1, 1, 1, 1]]), [[0, 0, 1, 0]])


def test_utility_is_bilinear_in_music_and_picture() -> None:
    music, pictures = rows(6)
    weights = np.random.default_rng(1).normal(size=SIZE)
    matrix = weights[: len(SEEN) * len(HEARD)].reshape(len(SEEN), len(HEARD))
    liked = music @ weights[20:25] + pictures @ weights[25:]
    by_hand = np.einsum("np,pm,nm->n", pictures, matrix, music) + liked
    assert np.allclose(features(music, pictures) @ weights, by_hand)
    assert features(music[:, None], pictures[None]).shape == (6, 6, SIZE)


def test_who_has_picked_nothing_hears_what_the_annotated_tie_says() -> None:
    head = new_head()
    weights, doubt = tie(head)
    assert np.allclose(weights, ANNOTATED * np.eye(len(SEEN), len(HEARD)))
    linked = np.eye(len(SEEN), len(HEARD), dtype=bool)
    assert np.allclose(doubt[~linked], TIE_SD)
    assert np.allclose(doubt[linked], np.hypot(TIE_SD, FOLLOWING_SD))
    assert np.allclose(np.diag(head.covariance)[20:], LIKING_SD**2)
    assert np.allclose(links(head), np.eye(5))
    assert told(head) == []
    assert [link.words for link in all_links(head)[:4]] == [
        "bright pictures probably sound high to you (8 in 10)",
        "warm pictures probably sound major to you (8 in 10)",
        "busy pictures probably sound dense to you (8 in 10)",
        "full pictures probably sound loud to you (8 in 10)",
    ]
    assert np.allclose(tie(new_head(tied=False))[0], 0)


def test_an_answer_agrees_with_bayes_on_a_grid() -> None:
    """Along the one direction that a question asks about, moments are those of numerical integration."""
    head = new_head()
    (music,), pictures = rows(1)[0], rows(2, 3)[1]
    left, right = features(music, pictures)
    difference = left - right
    mean, variance = float(difference @ head.mean), float(difference @ head.covariance @ difference)
    manner, spread = head.joint_mean[-3:], np.diag(head.joint_covariance)[-3:]
    rng = np.random.default_rng(0)
    drawn = mean + np.sqrt(variance) * rng.standard_normal(400_000)
    side, nu = (manner[i] + np.sqrt(spread[i]) * rng.standard_normal(len(drawn)) for i in (0, 1))
    lean = np.exp((drawn + side) / 2), np.exp(nu), np.exp(-(drawn + side) / 2)
    chance = 0.95 * lean[0] / sum(lean) + 0.05 / 2
    expected = float((drawn * chance).sum() / chance.sum())
    after = learned(head, left, right, "left")
    assert float(difference @ after.mean) == pytest.approx(expected, abs=0.02)
    assert float(difference @ after.covariance @ difference) < variance


def test_an_answer_tells_nothing_of_how_well_both_fit() -> None:
    music, pictures = rows(2, 5)
    left, right = features(music[0], pictures[0]), features(music[0], pictures[1])
    moved = learned(new_head(), left + 7, right + 7, "left")
    assert np.allclose(moved.mean, learned(new_head(), left, right, "left").mean)
    assert learned(new_head(), left, right, "skipped").votes_seen == 0


def test_picks_say_in_words_that_warm_pictures_sound_low_to_somebody() -> None:
    rng, head = np.random.default_rng(2), new_head()
    for _ in range(120):
        music, pictures = rng.normal(size=len(HEARD)), rng.normal(size=(2, len(SEEN)))
        left, right = features(music, pictures)
        low_is_warm = -2 * music[0] * (pictures[0, 1] - pictures[1, 1])
        head = learned(head, left, right, "left" if low_is_warm > 0 else "right")
    strongest = told(head)[0]
    assert strongest.words == "warm pictures sound low to you (decided)"
    assert not strongest.guessed
    assert (strongest.readout, strongest.side) == ("warmth", "register")
    assert not unlike_most(strongest)  # most people hear nothing of register in warmth
    assert links(head)[1, 0] < -0.5
    assert np.all(np.linalg.norm(links(head), axis=0) <= 1 + 1e-9)


def test_who_hears_the_opposite_is_told_so() -> None:
    rng, head = np.random.default_rng(2), new_head()
    for _ in range(120):
        music, pictures = rng.normal(size=len(HEARD)), rng.normal(size=(2, len(SEEN)))
        left, right = features(music, pictures)
        head = learned(head, left, right, "left" if music[0] * (pictures[1, 0] - pictures[0, 0]) > 0 else "right")
    dark = told(head)[0]
    assert dark.words.startswith("bright pictures sound low to you")
    assert unlike_most(dark)
    assert annotated()[0] > 0


def test_who_hears_two_links_upside_down_is_thought_to_hear_the_others_so_too() -> None:
    rng, head = np.random.default_rng(4), new_head()
    for _ in range(60):
        music, pictures = np.zeros(len(HEARD)), np.zeros((2, len(SEEN)))
        music[:2], pictures[:, :2] = rng.normal(size=2), rng.normal(size=(2, 2))
        upside_down = -music[:2] @ (pictures[0, :2] - pictures[1, :2])
        left, right = features(music, pictures[0]), features(music, pictures[1])
        head = learned(head, left, right, "left" if upside_down > 0 else "right")
    weights, _ = tie(head)
    assert weights[0, 0] < -0.5
    assert weights[3, 3] < 0.1 < ANNOTATED  # loudness of large pictures was never asked about
