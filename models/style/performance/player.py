"""Drawing a performance note by note, in numpy: a clip takes some milliseconds, and a page needs no torch for it.

The same computation as ``PerformanceModel``, whose weights it reads: float16 safetensors beside a JSON card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from models.style.bundle import BundleFormat
from models.style.performance.score import (
    KNOWN,
    LATE,
    LEAST_SCALE,
    LONG,
    LOUD,
    MOST_LENGTH,
    MOST_SECONDS,
    MOST_TEMPO,
    TEMPO,
    UNITS,
    VELOCITY,
    VELOCITY_MEAN,
    Played,
    Score,
)

Array = npt.NDArray[np.float32]

TOGETHER = 0.002 / UNITS[LATE]  # notes of a chord that are nearer than this were struck at once
STEP = (-2.49, 1.49)  # a score tells velocities in steps of four; all places within a step are equally likely
LOUDEST = 67  # from the middle
EDGE = 0.01  # of either tail of a logistic distribution, which is never drawn from


class Player:
    """Plays scores with the ``weights`` of a model whose convolutions look ``dilations`` apart."""

    def __init__(self, weights: Mapping[str, Array], dilations: tuple[int, ...]) -> None:
        self._weights, self._dilations = weights, dilations

    def _linear(self, name: str, x: Array) -> Array:
        found: Array = x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return found

    def read(self, features: Array) -> Array:
        """What the player knows of each note: ``(notes, FEATURES)`` → ``(notes, dim)``."""
        state = self._linear("enter", features)
        for place, apart in enumerate(self._dilations):
            kernel = self._weights[f"convolutions.{place}.weight"]  # (out, in, kernel)
            reach = apart * (kernel.shape[2] // 2)
            padded = np.pad(state, ((reach, reach), (0, 0)))
            seen = self._weights[f"convolutions.{place}.bias"] + sum(
                padded[tap * apart : tap * apart + len(state)] @ kernel[:, :, tap].T for tap in range(kernel.shape[2])
            )
            out = self._weights[f"leave.{place}.weight"][:, :, 0]
            state = state + _silu(seen) @ out.T + self._weights[f"leave.{place}.bias"]
        centred = state - state.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt(centred.var(axis=1, keepdims=True) + 1e-5)
        known: Array = scaled * self._weights["norm.weight"] + self._weights["norm.bias"]
        return known

    def play(self, score: Score, chance: npt.NDArray[np.float64]) -> Played:
        """One way to play the score, by numbers of chance between 0 and 1: ``(notes, 4, 2)`` in playing order."""
        known = self.read(score.features)
        dim = known.shape[1]
        into, again = self._weights["player.weight_ih_l0"], self._weights["player.weight_hh_l0"]
        from_score = known @ into[:, :dim].T + self._weights["player.bias_ih_l0"]
        from_past, bias = np.ascontiguousarray(into[:, dim:]), self._weights["player.bias_hh_l0"]
        hidden = again.shape[1]
        heads = [_Head(self._weights, aspect, known, hidden) for aspect in range(4)]
        told = score.features[:, KNOWN] * score.features[:, VELOCITY]

        values = np.zeros((len(known), 4), dtype=np.float32)
        state = np.zeros(hidden, dtype=np.float32)
        last, head_late, tempo = np.zeros(4, dtype=np.float32), np.float32(0), np.float32(0)
        most = (MOST_TEMPO / UNITS[TEMPO], MOST_SECONDS / UNITS[LATE], LOUDEST / UNITS[LOUD], MOST_LENGTH / UNITS[LONG])
        limits = [(-each, each) for each in most]
        dynamics = bool(score.features[0, KNOWN])
        for note in range(len(known)):
            own = np.float32(0) if score.first[note] else head_late
            x = from_score[note] + from_past @ np.array([*last, head_late, own], dtype=np.float32)
            h = again @ state + bias
            reset, keep = _sigmoid(x[:hidden] + h[:hidden]), _sigmoid(x[hidden : 2 * hidden] + h[hidden : 2 * hidden])
            new = np.tanh(x[2 * hidden :] + reset * h[2 * hidden :])
            state = (1 - keep) * new + keep * state
            drawn = values[note]
            for aspect, head in enumerate(heads):
                if aspect == TEMPO and not score.opens[note]:
                    drawn[TEMPO] = tempo
                    continue
                anchor = own if aspect == LATE else told[note] if aspect == LOUD else 0.0
                if aspect == LOUD and dynamics:
                    drawn[LOUD] = anchor + (STEP[0] + (STEP[1] - STEP[0]) * chance[note, LOUD, 0]) / UNITS[LOUD]
                    continue
                low, high = limits[aspect]
                mixture = head.mixture(note, state, drawn[:aspect])
                value = anchor + drawn_from(
                    mixture, head.least, chance[note, aspect], float(low - anchor), float(high - anchor)
                )
                drawn[aspect] = own if aspect == LATE and abs(value - own) < TOGETHER else value
            tempo = drawn[TEMPO]
            if score.first[note]:
                head_late = drawn[LATE]
            last = drawn
        bars = np.zeros(len(score.base_tempo_bpm))
        bars[score.bar[score.opens]] = values[score.opens, TEMPO] * UNITS[TEMPO]
        late, loud, long = (values[:, aspect].astype(np.float64) * UNITS[aspect] for aspect in (LATE, LOUD, LONG))
        return Played(bars, late, np.clip(np.rint(loud + VELOCITY_MEAN), 1, 127), long)


def drawn_from(mixture: Array, least_scale: float, chance: npt.NDArray[np.float64], low: float, high: float) -> float:
    """A value between ``low`` and ``high`` of a mixture of logistics ``(3 × mixtures,)``, by two numbers of chance."""
    weight, mean, scale = mixture.reshape(3, -1).astype(np.float64)
    width = np.exp(least_scale + np.logaddexp(0.0, scale - least_scale))
    below = np.maximum(_sigmoid((low - mean) / width), EDGE)
    above = np.minimum(_sigmoid((high - mean) / width), 1 - EDGE)
    share = np.exp(weight - weight.max()) * np.maximum(above - below, 0.0)
    total = float(share.sum())
    if total <= 0:  # all of it lies beyond
        return float(np.clip(mean[int(weight.argmax())], low, high))
    one = min(int(np.searchsorted(np.cumsum(share), chance[0] * total)), len(share) - 1)
    u = below[one] + (above[one] - below[one]) * chance[1]
    return float(mean[one] + width[one] * np.log(u / (1 - u)))


class _Head:
    """The mixture of one aspect; what comes from the score is computed for all notes at once."""

    def __init__(self, weights: Mapping[str, Array], aspect: int, known: Array, hidden: int) -> None:
        first = weights[f"heads.{aspect}.0.weight"]
        dim = known.shape[1]
        self._from_state = np.ascontiguousarray(first[:, :hidden])
        self._from_score = known @ first[:, hidden : hidden + dim].T + weights[f"heads.{aspect}.0.bias"]
        self._from_drawn = first[:, hidden + dim :]
        self._out, self._bias = weights[f"heads.{aspect}.2.weight"], weights[f"heads.{aspect}.2.bias"]
        self.least = LEAST_SCALE[aspect]

    def mixture(self, note: int, state: Array, drawn: Array) -> Array:
        inside = self._from_score[note] + self._from_state @ state + self._from_drawn @ drawn
        mixture: Array = self._out @ _silu(inside) + self._bias
        return mixture


def _sigmoid(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = 0.5 * (1 + np.tanh(0.5 * x))
    return found


def _silu(x: Array) -> Array:
    found: Array = x * _sigmoid(x)
    return found


SHIPPED = "performance-cpu"
FORMAT = BundleFormat(
    "performance", "performance model", "python -m models.train.performance makes one, in OUT/bundle",
    ("preset", "steps", "seed"),
)  # fmt: skip


@dataclass(frozen=True)
class PerformanceBundle:
    """What a performance model has learned, its card, and the player who plays by it."""

    weights: Mapping[str, npt.NDArray[np.float32]]
    card: Mapping[str, Any]
    player: Player

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])


def save_performance_model(
    folder: Path,
    weights: Mapping[str, npt.NDArray[np.float32]],
    card: Mapping[str, Any],
    held_out: Mapping[str, Sequence[str]],
) -> None:
    """Write ``performance.safetensors``, ``held_out.json`` (names by part) and, last, ``card.json``."""
    half = {name: np.ascontiguousarray(value, dtype=np.float16) for name, value in weights.items()}
    FORMAT.save(folder, save(half), card, held_out={part: sorted(names) for part, names in held_out.items()})


@lru_cache(maxsize=2)
def load_performance_model(name_or_path: str | Path = SHIPPED) -> PerformanceBundle:
    """A shipped model by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    with FORMAT.opened(name_or_path) as found:
        weights = {name: value.astype(np.float32) for name, value in load_file(found.weights).items()}
        player = Player(weights, tuple(map(int, found.card["config"]["dilations"])))
    return PerformanceBundle(weights, found.card, player)
