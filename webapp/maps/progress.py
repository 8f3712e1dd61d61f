"""How far the drawing of a map is, in time and not in steps, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Seconds of each stage on two cores of a server, for 5,700 excerpts that nobody has parsed before. What the last
# drawing took here replaces them.
USUAL_SECONDS = {
    "Reading the music": 150.0,
    "Encoding it": 60.0,
    "Finding neighbours": 5.0,
    "Drawing": 45.0,
    "Measuring how true it is": 25.0,
}
STAGES = tuple(USUAL_SECONDS)
LEAST_SHARE = 0.05  # of a stage that must be over before its own speed says more than what was expected
LEAST_SECONDS = 3.0  # before which nothing is said of the time left
CACHED = STAGES[0]  # the second time it takes no time, so its speed says nothing of the others'
SLOWEST, FASTEST = 5.0, 0.2  # times the expected


@dataclass(frozen=True)
class Progress:
    """The stage a drawing is at, the share of its time that is behind it, and the seconds that are left, if known."""

    stage: str
    share: float
    seconds_left: float | None


class Stopwatch:
    """Turns what stages tell into ``Progress``.

    Args:
        expected: Seconds that stages took the last time; those that it lacks are taken from ``USUAL_SECONDS``.
        clock: Seconds that go on, for tests.
    """

    def __init__(
        self, expected: Mapping[str, float] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._expected = {**USUAL_SECONDS, **(expected or {})}
        self._clock = clock
        self._began = self._stage_began = clock()
        self._stage = STAGES[0]
        self._share = 0.0
        self.seconds: dict[str, float] = {}

    def at(self, stage: str, share: float) -> Progress:
        """``share`` of a stage is done, and of those before it all."""
        now = self._clock()
        if stage != self._stage:
            self.seconds[self._stage] = now - self._stage_began
            self._stage, self._stage_began = stage, now
        spent, expected = now - self._stage_began, self._expected[stage]
        here = spent * (1 - share) / share if share >= LEAST_SHARE else max(expected * self._pace() - spent, 0.0)
        later = sum(self._expected[each] for each in STAGES[STAGES.index(stage) + 1 :]) * self._pace()
        elapsed, left = now - self._began, here + later
        self._share = max(self._share, elapsed / max(elapsed + left, 1e-9))
        known = elapsed >= LEAST_SECONDS and (share >= LEAST_SHARE or stage != STAGES[0])
        return Progress(stage, self._share, left if known else None)

    def end(self) -> dict[str, float]:
        """Seconds that each stage took; nothing comes after."""
        self.seconds[self._stage] = self._clock() - self._stage_began
        return {stage: round(seconds, 1) for stage, seconds in self.seconds.items()}

    def _pace(self) -> float:
        """How many times as long as expected the stages took that are over."""
        over = [stage for stage in self.seconds if stage != CACHED]
        expected = sum(self._expected[stage] for stage in over)
        took = sum(self.seconds[stage] for stage in over)
        return min(SLOWEST, max(FASTEST, took / expected)) if expected > 0 else 1.0
