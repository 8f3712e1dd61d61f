from __future__ import annotations

import io
import uuid
from math import comb

import numpy as np
import soundfile

from webapp.studies import headphones, participation

PERSON = uuid.uuid4()


def tones(number: int) -> dict[str, np.ndarray]:
    audio, rate = soundfile.read(io.BytesIO(headphones.sound(PERSON, number)))
    step = round((headphones.TONE_S + headphones.PAUSE_S) * rate)
    order = headphones.order(PERSON, number)
    return {name: audio[place * step : place * step + rate] for place, name in enumerate(order)}


def test_one_tone_is_quieter_and_another_vanishes_in_a_room() -> None:
    found = tones(0)
    rms = {name: float(np.sqrt((audio**2).mean())) for name, audio in found.items()}
    assert abs(20 * np.log10(rms["quiet"] / rms["loud"]) + 6) < 0.01
    assert abs(20 * np.log10(rms["antiphase"] / rms["loud"])) < 0.01
    assert np.abs(found["antiphase"].sum(axis=1)).max() < 1e-4
    assert np.abs(found["loud"].sum(axis=1)).max() > 0.5


def test_the_order_changes_and_only_the_server_knows_it() -> None:
    orders = {tuple(headphones.order(PERSON, number)) for number in range(40)}
    assert len(orders) == 6
    assert headphones.is_right(PERSON, 3, headphones.order(PERSON, 3).index("quiet") + 1)


def test_who_guesses_seldom_passes_even_with_two_rounds() -> None:
    guess = sum(comb(6, k) * (1 / 3) ** k * (2 / 3) ** (6 - k) for k in (5, 6))
    assert 1 - (1 - guess) ** headphones.ATTEMPTS < 0.04
    assert headphones.passed([True] * 5) is None
    assert headphones.passed([True] * 5 + [False]) is True
    assert headphones.passed([False] * 6) is None
    assert headphones.passed([False] * 12) is False


def test_the_check_comes_first_and_an_answer_to_it_stays(make_study) -> None:
    study = make_study(headphone_check=True)
    database, journal, token = study.context.database, study.context.journal, study.join()
    step = participation.step(database, token)
    assert (step["step"], step["number"]) == ("headphones", 0)
    for number in range(12):
        participation.answer_check(database, journal, token, number, 1)
        participation.answer_check(database, journal, token, number, 2)  # sent again: the first one stays
    assert participation.step(database, token)["step"] == "questions"
