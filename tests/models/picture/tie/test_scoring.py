from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.music.render import SAMPLE_RATE_HZ
from models.picture.autoencoder import load_pictures
from models.picture.film import A_SECOND, SIDE, Film
from models.picture.tie import scoring
from models.picture.tie.bars import SOUNDING, sounding_of
from models.picture.tie.checkpoint import load_tie
from models.picture.tie.scoring import Score, Scorer
from models.style.bundle import style_folder
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.fingerprint import LONGEST_COPY_BARS, Fingerprint

pytestmark = pytest.mark.slow

SECONDS, CUT_S = 12.0, 5.3


def film() -> Film:
    """From black to white, in two shots."""
    times = np.arange(0, SECONDS, 1 / A_SECOND)
    level = np.linspace(0, 255, len(times)).astype(np.uint8)
    return Film(np.tile(level[:, None, None, None], (1, SIDE, SIDE, 3)), times, np.array([CUT_S]), SECONDS)


@cache
def scored(way: str, seed: int = 0) -> Score:
    composer = Composer(load_style(str(style_folder())))
    return Scorer(composer).score(film(), way, seed)


def test_music_has_the_films_length_and_a_bar_line_on_its_cut() -> None:
    found = scored(scoring.ANNOTATED)
    assert len(found.sound()) == SECONDS * SAMPLE_RATE_HZ
    bars = found.piece.seconds_at([*found.piece.bars[:, 0], found.piece.end_tick])
    assert bars[-1] == pytest.approx(SECONDS, abs=1e-3)
    assert np.abs(bars - CUT_S).min() < 1e-3
    assert np.abs(found.performance.bars_s - CUT_S).min() < 1e-6
    assert (found.performance.onset_s + found.performance.sounding_s).max() < SECONDS + 0.1


def test_brighter_pictures_sound_higher_than_without_the_tie() -> None:
    register = SOUNDING.index("register")
    rises = {}
    for way in (scoring.ANNOTATED, scoring.UNTIED):
        pitch = sounding_of(scored(way).piece)[:, register]
        rises[way] = pitch[len(pitch) // 2 :].mean() - pitch[: len(pitch) // 2].mean()
    assert rises[scoring.ANNOTATED] > rises[scoring.UNTIED] + 2


def test_who_hears_bright_pictures_low_gets_the_annotated_music_upside_down() -> None:
    composer = Composer(load_style(str(style_folder())))
    links = np.eye(5)
    links[0, 0] = -1
    found = Scorer(composer, links=links).score(film(), scoring.LEARNED)
    pitch = sounding_of(found.piece)[:, SOUNDING.index("register")]
    other = sounding_of(scored(scoring.ANNOTATED).piece)[:, SOUNDING.index("register")]
    rises = [each[len(each) // 2 :].mean() - each[: len(each) // 2].mean() for each in (pitch, other)]
    assert rises[0] < rises[1] - 4
    with pytest.raises(ValueError, match="5 × 5 numbers"):
        Scorer(composer).score(film(), scoring.LEARNED)


def test_the_same_film_way_and_seed_give_the_same_notes() -> None:
    again = scored.__wrapped__(scoring.ANNOTATED)
    assert (again.piece.notes == scored(scoring.ANNOTATED).piece.notes).all()


def test_music_that_copies_a_song_is_composed_again_with_another_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    first = scored(scoring.ANNOTATED)
    bundle = load_style(str(style_folder()))
    songs = Fingerprint.of([first.piece])
    assert songs.copied_bars(first.piece) > LONGEST_COPY_BARS
    learned_from = Composer(replace(bundle, fingerprint=songs))
    found = Scorer(learned_from).score(film(), scoring.ANNOTATED)
    assert (first.seed, first.refused) == (0, 0)
    assert (found.seed, found.refused) == (scoring.seed_of(0, 1), 1)
    assert songs.copied_bars(found.piece) <= LONGEST_COPY_BARS
    monkeypatch.setattr(scoring, "ATTEMPTS", 1)
    with pytest.raises(ValueError, match="choose another seed"):
        Scorer(learned_from).score(film(), scoring.ANNOTATED)


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ValueError, match="'rotated' was given"):
        scored("rotated")


def test_pictures_turned_into_noise_make_music_of_the_films_length() -> None:
    composer = Composer(load_style(str(style_folder())))
    scorer = Scorer(composer, load_pictures(), load_tie())
    found = scorer.score(film(), scoring.ROTATION)
    assert found.piece.end_tick == found.lines.bars * 96
    assert len(found.piece.notes) > 4 * found.lines.bars


def test_a_way_that_lacks_its_model_says_so() -> None:
    scorer = Scorer(Composer(load_style(str(style_folder()))))
    with pytest.raises(ValueError, match=r"models\.train\.picture"):
        scorer.score(film(), scoring.ROTATION)
    with pytest.raises(ValueError, match=r"models\.train\.tie"):
        replace(scorer, pictures=load_pictures()).score(film(), scoring.ROTATION)
