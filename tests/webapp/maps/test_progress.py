from __future__ import annotations

import pytest

from webapp.maps.catalogue import STAGES, Progress, Stopwatch


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def draw(seconds: dict[str, float], expected: dict[str, float] | None = None) -> list[tuple[float, Progress]]:
    """The seconds really left and what is told, each second of a drawing whose stages take so long."""
    clock = Clock()
    watch = Stopwatch(expected, clock)
    total, told = sum(seconds.values()), []
    for stage in STAGES:
        for second in range(int(seconds[stage])):
            told.append((total - clock.now, watch.at(stage, second / seconds[stage])))
            clock.now += 1
    watch.end()
    return told


SECONDS = dict(zip(STAGES, (120.0, 60.0, 4.0, 50.0, 30.0), strict=True))


def test_when_it_goes_as_the_last_time_the_time_left_is_right_from_the_first_seconds_on():
    for left, progress in draw(SECONDS, SECONDS)[8:]:
        assert progress.seconds_left == pytest.approx(left, abs=5)


def test_on_a_machine_of_another_speed_the_estimate_mends_itself() -> None:
    for times in (0.5, 3.0):
        took = {stage: times * seconds for stage, seconds in SECONDS.items()}
        told = draw(took)
        late = told[len(told) * 3 // 4 :]
        for left, progress in late:
            assert progress.seconds_left == pytest.approx(left, abs=0.4 * left + 20)


def test_music_that_was_parsed_before_says_nothing_of_how_fast_the_rest_goes():
    told = draw({**SECONDS, STAGES[0]: 1.0}, SECONDS)
    left, progress = told[10]
    assert progress.seconds_left == pytest.approx(left, rel=0.25)


def test_the_share_is_one_of_time_and_never_goes_back():
    told = [progress.share for _, progress in draw(SECONDS, SECONDS)]
    assert told == sorted(told)
    assert told[len(told) // 2] == pytest.approx(0.5, abs=0.05)


def test_at_first_nothing_is_said_of_the_time_left():
    assert draw(SECONDS)[0][1].seconds_left is None
