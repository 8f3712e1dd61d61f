"""Music shown: pictures at each quarter of a bar, the same where it comes again, moved by what is heard."""

from dataclasses import replace

import numpy as np
import pytest

from models.music.notes import MusicError, Piece
from models.picture.attributes import DIMS, GROUPS
from models.picture.drawings import Drawings, load_drawings
from models.picture.readouts import of_pictures
from models.picture.tie.checkpoint import load_tie
from models.picture.tie.scoring import ANNOTATED, AXES, LEARNED, ROTATION
from models.picture.tie.showing import A_BAR, PHRASE, Shower, scenes
from models.style.bundle import style_folder
from models.style.checkpoint import load_style
from models.style.compose import Composer

BAR = 96  # ticks


def made(bars: list[tuple[int, int]]) -> Piece:
    """Each bar has quarters on a pitch at a velocity."""
    each = [(number, quarter, *bar) for number, bar in enumerate(bars) for quarter in range(4)]
    notes = [(BAR * bar + 24 * quarter, 24, pitch + (0, 4, 7, 4)[quarter], loud) for bar, quarter, pitch, loud in each]
    table = [(BAR * n, BAR, 4, 4) for n in range(len(bars))]
    return Piece(np.array(notes), np.array(table), np.full(len(bars), 100.0), domain="pop")


A, B = [(48 + n, 60) for n in (0, 5, 7, 2)], [(62 + n, 90) for n in (1, 8, 3, 10)]
AABA = made(A + A + B + A)


@pytest.fixture(scope="module")
def drawings() -> Drawings:
    return load_drawings()


@pytest.fixture(scope="module")
def shower(drawings) -> Shower:
    return Shower(load_tie(), drawings.latents)


def seen(shower: Shower, drawings: Drawings, piece: Piece, way: str = ANNOTATED) -> np.ndarray:
    """Readouts of the first subject as it is shown."""
    latents = replace(shower, subjects=shower.subjects[:1]).show(piece, way).latents
    return of_pictures(np.stack([drawings.decode(each, 0).pixels() for each in latents]))


def test_what_comes_again_has_its_picture_again() -> None:
    assert scenes(AABA).tolist() == [0] * 8 + [1] * 4 + [0] * 4


def test_there_is_a_picture_for_each_quarter_of_a_bar_and_one_at_the_end(shower) -> None:
    found = shower.show(AABA).latents
    assert found.shape == (16 * A_BAR + 1, DIMS)
    assert np.isfinite(found).all()
    shape = found[:, GROUPS["shape"]]
    middle = A_BAR // 2  # of a bar, where its own latents stand
    first, third, last = (shape[PHRASE * A_BAR * phrase + A_BAR + middle] for phrase in (0, 2, 3))
    assert np.linalg.norm(first - last) < 0.5 * np.linalg.norm(first - third)
    steps = np.linalg.norm(np.diff(found, axis=0), axis=1)
    assert steps.max() < np.linalg.norm(found, axis=1).mean()  # nothing jumps


def test_high_is_bright(shower, drawings) -> None:
    found = seen(shower, drawings, made([(84, 60)] * 4 + [(40, 60)] * 4))[:, 0]
    half = 4 * A_BAR
    assert found[2 : half - 2].mean() > found[half + 2 : -2].mean() + 0.03


def test_loud_is_large(shower, drawings) -> None:
    piece = made([(60, 110)] * 4 + [(60, 30)] * 4)
    shown = shower.show(piece).drawn(drawings)
    sizes = [each.size for each in shown]
    assert len(sizes) == 8 * A_BAR + 1
    assert min(sizes[2:14]) > max(sizes[18:-2]) + 0.05


def test_a_subject_is_seen_for_a_phrase_and_where_it_comes_again(shower, drawings) -> None:
    shown = shower.show(AABA)
    assert [each.subject for each in shown.drawn(drawings)][:-1:A_BAR] == [0] * 8 + [1] * 4 + [0] * 4
    assert len(shown.subjects) == 2


def test_whoever_hears_the_opposite_sees_the_opposite(shower, drawings) -> None:
    piece = made([(84, 60)] * 4 + [(40, 60)] * 4)
    found = seen(replace(shower, links=-np.eye(5)), drawings, piece, LEARNED)[:, 0]
    assert found[2:14].mean() < found[18:-2].mean()
    one = replace(shower, links=np.eye(5))
    assert np.array_equal(one.show(piece, LEARNED).latents, one.show(piece, ANNOTATED).latents)


def test_the_same_seed_shows_the_same_and_another_other_pictures(shower) -> None:
    one, same, other = (shower.show(AABA, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.latents, same.latents)
    assert one.subjects == same.subjects != other.subjects


def test_other_ways_need_the_composer(shower) -> None:
    for way in (AXES, ROTATION):
        with pytest.raises(ValueError, match="annotated, learned, axes, rotation"):
            shower.show(AABA, way)
        tied = replace(shower, composer=Composer(load_style(str(style_folder()))))
        found = tied.show(AABA, way)
        assert found.latents.shape == (16 * A_BAR + 1, DIMS)
        assert np.linalg.norm(np.diff(found.latents, axis=0), axis=1).max() > 0.1
        assert found.subjects != tied.show(AABA, way, seed=1).subjects
        assert found.subjects != tied.show(made(B + A + B + B), way).subjects  # they are the music's own


def test_unknown_ways_and_silence_are_refused(shower) -> None:
    with pytest.raises(ValueError, match="'upside down' was given"):
        shower.show(AABA, "upside down")
    with pytest.raises(MusicError, match="without notes"):
        shower.show(replace(AABA, notes=AABA.notes[:0]))
