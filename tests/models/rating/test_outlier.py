import numpy as np
import pytest

from models.evaluate.rating import piano_chord
from models.rating.mel_bands import MELS, SAMPLE_RATE_HZ
from models.rating.rater import Heard, Rating, load_bundle, order, statistics
from models.rating.sound import log_mel
from models.rating.synthetic import LEARNED, UNSEEN, lone_chords
from tests.models.rating.conftest import TRACKS, chord


@pytest.fixture(scope="module")
def heard():
    return Heard.of([log_mel(chord(number, 6.0)) for number in range(TRACKS)])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*LEARNED, *UNSEEN])
def test_noise_is_unlike_anything_heard(kind, heard):
    noise = {**LEARNED, **UNSEEN}[kind]
    assert heard.score(log_mel(noise(5.0, np.random.default_rng(3)))) > 1


@pytest.mark.slow
def test_a_lone_chord_is_music_where_chords_were_heard_and_noise_stays_strange(heard):
    chord_alone = log_mel(piano_chord(4.0))
    assert heard.score(chord_alone) > 1
    both = Heard((*heard.kinds, *Heard.of(lone_chords(0)).kinds))
    assert both.score(chord_alone) < 1
    noises = {**LEARNED, **UNSEEN}.values()
    assert all(both.score(log_mel(noise(4.0, np.random.default_rng(5)))) > 1 for noise in noises)


def test_the_shipped_network_rates_a_lone_chord_and_no_noise():
    shipped = load_bundle().heard
    assert shipped.score(log_mel(piano_chord(4.0))) < 1
    noises = {**LEARNED, **UNSEEN}.values()
    assert all(shipped.score(log_mel(noise(4.0, np.random.default_rng(6)))) > 1 for noise in noises)
    assert shipped.score(log_mel(np.zeros(5 * SAMPLE_RATE_HZ, dtype=np.float32))) > 1


@pytest.mark.slow
def test_music_of_the_kind_heard_is_not(heard):
    assert np.mean([heard.score(log_mel(chord(7, 5.0) * 0.1)) < 1.2]) == 1
    kept = Heard.from_json(heard.to_json())
    assert kept.score(log_mel(chord(3))) == pytest.approx(heard.score(log_mel(chord(3))))


def test_a_short_or_flat_picture_has_statistics() -> None:
    for frames in (1, 5, 22):
        assert np.isfinite(statistics(np.zeros((MELS, frames), dtype=np.float32))).all()


def test_what_is_unlike_anything_heard_comes_last_however_it_would_be_rated():
    ratings = [Rating(1.5), Rating(0.2, 0.1, 0, 1, 0), Rating(0.4, 0.9, 0, 1, 0), Rating(3.0)]
    assert order(ratings) == [2, 1, 0, 3]
