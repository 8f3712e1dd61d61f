"""Non-linear readouts of a clip's latents: its mode, and the tempo that is decoded from it.

Mode is a matter of keys: chroma is linear in the harmony latents, the key that fits it best is not (Krumhansl 1990).
Tempo latents are a table more than a scale, so the decoder itself is asked which tempo it reads from each bar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.keys import MAJOR_KEY, MINOR_KEY
from models.style.latents import GROUPS, MEASURED, PICTURE_GROUPS, Latents

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TEMPO_BARS = 8
PICTURE_ATTRIBUTES = {  # what is measured of a picture, and the latent group that it speaks of
    "size": "shape",
    "symmetry": "shape",
    "warmth": "palette",
    "colourfulness": "palette",
    "brightness": "light",
    "contrast": "light",
    "busyness": "line",
}
PICTURE_DIALS = tuple(name for name in PICTURE_ATTRIBUTES if name != "symmetry")  # which a drawing has once and for all
READ = ("mode", "tempo_bpm")  # attributes that are read, in the order of the columns
READ_FROM = ("harmony", "tempo")  # the one group that each is read from
RIDGE = 1e-3  # relative to the harmony latents' own variance


def summary(latents: Latents) -> npt.NDArray[np.float32]:
    """What taste is computed from: float32 ``(D,)``.

    Mean over bars of each group in ``GROUPS`` order; the register's slope over bars (a bar), which is where a line that
    rises for bars shows; the tempo latents of ``TEMPO_BARS`` evenly spaced bars, since the mean of two tempi's
    latents is a third tempo's. Of a picture: its latents, then what was measured of it, ``PICTURE_ATTRIBUTES``.
    """
    if latents.of_picture:
        measured = latents.piece[MEASURED]
        parts = [np.asarray(latents.groups[name], dtype=np.float64).mean(axis=0) for name in PICTURE_GROUPS]
        return np.concatenate([*parts, [measured[name] for name in PICTURE_ATTRIBUTES]]).astype(np.float32)
    groups = {name: np.asarray(latents.groups[name], dtype=np.float64) for name in GROUPS}
    bars = latents.bars
    time = np.arange(bars) - (bars - 1) / 2
    slope = time @ groups["register"] / max(float(time @ time), 1.0)
    tempo = groups["tempo"][np.arange(TEMPO_BARS) * bars // TEMPO_BARS]
    means = [groups[name].mean(axis=0) for name in GROUPS]
    return np.concatenate([*means, slope, tempo.ravel()]).astype(np.float32)


def columns_of(sizes: Mapping[str, int]) -> dict[str, IntArray]:
    """Which columns of a summary come from each group with so many dimensions; each from exactly one.

    What was measured of a picture belongs to the group that makes most of it.
    """
    if "shape" in sizes:
        ends = np.cumsum([0, *(sizes[name] for name in PICTURE_GROUPS)])
        owners = list(PICTURE_ATTRIBUTES.values())
        measured = {
            name: ends[-1] + np.flatnonzero([owner == name for owner in owners]).astype(np.int64)
            for name in PICTURE_GROUPS
        }
        return {
            name: np.concatenate([np.arange(ends[i], ends[i + 1]), measured[name]])
            for i, name in enumerate(PICTURE_GROUPS)
        }
    starts = np.cumsum([0, *(sizes[name] for name in GROUPS)])
    found = {name: np.arange(starts[i], starts[i + 1]) for i, name in enumerate(GROUPS)}
    slope = starts[-1] + np.arange(sizes["register"])
    tempo = starts[-1] + sizes["register"] + np.arange(TEMPO_BARS * sizes["tempo"])
    return found | {
        "register": np.concatenate([found["register"], slope]),
        "tempo": np.concatenate([found["tempo"], tempo]),
    }


def mode(chroma: npt.ArrayLike) -> FloatArray:
    """Correlation with the best major key less that with the best minor key: chroma ``(N, 12)`` to ``(N,)``."""
    keys = np.stack([np.roll(profile, key) for profile in (MAJOR_KEY, MINOR_KEY) for key in range(12)])
    fit = _standardised(np.asarray(chroma, dtype=np.float64)) @ _standardised(keys).T
    difference: FloatArray = fit[:, :12].max(axis=1) - fit[:, 12:].max(axis=1)
    return difference


def check_arrays(owner: object, wanted: Mapping[str, tuple[int, ...]], what: str) -> None:
    """Make these attributes of a frozen ``owner`` float64 arrays; raises ``ValueError`` for another shape or NaN."""
    for name, shape in wanted.items():
        value = np.array(getattr(owner, name), dtype=np.float64)
        if value.shape != shape or not np.isfinite(value).all():
            raise ValueError(f"{what}: {name} must be {shape} finite numbers; it has the shape {value.shape}")
        object.__setattr__(owner, name, value)


@dataclass(frozen=True)
class Readouts:
    """From summaries ``(N, D)`` to ``(N, 2)``: mode and tempo (bpm, mean over bars).

    ``sizes``: dimensions of each group of ``GROUPS``. ``chroma`` ``(harmony + 1, 12)``: pitch classes' shares of the
    sounding time from the mean harmony latents, the last row being the constant. ``tempo`` ``(tempo + 1, T)``: the
    decoder's logits of ``tempi_bpm`` ``(T,)`` from one bar's tempo latents, the last row being the bias.
    """

    sizes: tuple[int, ...]
    chroma: FloatArray
    tempo: FloatArray
    tempi_bpm: FloatArray

    def __post_init__(self) -> None:
        if len(self.sizes) != len(GROUPS):
            raise ValueError(f"{len(self.sizes)} sizes for the {len(GROUPS)} latent groups")
        wanted = {
            "chroma": (self._size("harmony") + 1, 12),
            "tempo": (self._size("tempo") + 1, len(self.tempi_bpm)),
            "tempi_bpm": (len(self.tempi_bpm),),
        }
        check_arrays(self, wanted, "readings")

    @classmethod
    def fit(
        cls,
        summaries: npt.ArrayLike,
        chroma: npt.ArrayLike,
        *,
        sizes: Mapping[str, int],
        tempo: npt.ArrayLike,
        tempi_bpm: npt.ArrayLike,
    ) -> Readouts:
        """``chroma`` ``(N, 12)``: sounding time of each pitch class in the clips of ``summaries`` ``(N, D)``.

        ``tempo`` and ``tempi_bpm`` are the decoder's, as above.
        """
        shares = np.asarray(chroma, dtype=np.float64)
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)
        layout = tuple(sizes[name] for name in GROUPS)
        blank = cls(layout, np.zeros((sizes["harmony"] + 1, 12)), np.asarray(tempo), np.asarray(tempi_bpm))
        harmony = np.asarray(summaries, dtype=np.float64)[:, blank._columns("harmony")]
        mean, sd = harmony.mean(axis=0), np.maximum(harmony.std(axis=0), 1e-6)
        z = (harmony - mean) / sd
        slope = np.linalg.solve(
            z.T @ z / len(z) + RIDGE * np.eye(len(sd)), z.T @ (shares - shares.mean(axis=0)) / len(z)
        )
        slope /= sd[:, None]
        return cls(layout, np.vstack([slope, shares.mean(axis=0) - mean @ slope]), blank.tempo, blank.tempi_bpm)

    @property
    def dims(self) -> int:
        """Length D of a summary."""
        return sum(self.sizes) + self._size("register") + TEMPO_BARS * self._size("tempo")

    def of(self, summaries: FloatArray) -> FloatArray:
        """Mode and tempo of summaries ``(N, D)``: ``(N, 2)``; raises ``ValueError`` on another length."""
        if summaries.shape[1] != self.dims:
            raise ValueError(f"readings of {self.dims} numbers were given summaries of {summaries.shape[1]}")
        chroma = summaries[:, self._columns("harmony")] @ self.chroma[:-1] + self.chroma[-1]
        bars = summaries[:, self.dims - TEMPO_BARS * self._size("tempo") :].reshape(-1, self._size("tempo"))
        likeliest = (bars @ self.tempo[:-1] + self.tempo[-1]).argmax(axis=1)  # as the decoder chooses it
        return np.stack([mode(chroma), self.tempi_bpm[likeliest].reshape(-1, TEMPO_BARS).mean(axis=1)], axis=1)

    def _size(self, group: str) -> int:
        return self.sizes[GROUPS.index(group)]

    def _columns(self, group: str) -> slice:
        start = sum(self.sizes[: GROUPS.index(group)])
        return slice(start, start + self._size(group))


def _standardised(rows: FloatArray) -> FloatArray:
    """Rows of mean 0 and length 1, so that products are correlations; constant rows become 0."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    standard: FloatArray = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    return standard
