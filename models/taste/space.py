"""The features in which a taste is learned: a few named readouts of a clip's latents and a few unnamed ones.

A listener gives thirty votes, not three thousand, so utility is linear in (a) one standardised readout per named
attribute of the music (density, tempo, register, ...; by ridge or ``Readouts``), which gets most of the prior variance,
(b) a few whitened principal directions of what the readouts leave unexplained, with a small prior variance, and (c) how
far each readout is from the middle, with a small one too: what is loved is often neither much nor little of something
(Wundt's curve; Berlyne 1971). Of these, (a) and (b) are linear in the latents' coordinates and are called *lines*.
Attributes go together in real music (slow pieces are sparser): explanations move along the data's regression.

Similar clips are the nearest ones in this space. Distances are Euclidean: every named style and every unnamed direction
has the same spread.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from models.metrics.music_statistics import ATTRIBUTES
from models.style.latents import GROUPS, PICTURE_GROUPS
from models.taste.readouts import PICTURE_ATTRIBUTES, READ, READ_FROM, Readouts, check_arrays, columns_of, summary

FloatArray = npt.NDArray[np.float64]

__all__ = ["TasteSpace", "summary"]
FORMAT = 3
UTILITY_DIFFERENCE_SD = 2.0  # of two random clips under the prior: listeners are taken to be fairly decided
RESIDUAL_SHARE = 0.1  # of the prior variance goes to directions that have no name
RESIDUALS = 6
MIDDLE_SHARE = 0.15  # of it goes to the distances from the middle
# The distance of a standard normal line from its middle is a hyperbola, so that no extreme clip is infinitely far.
ROUND = 0.5  # square of the hyperbola's distance in the middle
DISTANCE_MEAN, DISTANCE_SD = 1.13456, 0.46128  # of the hyperbola of a standard normal number
RIDGE = 1e-2  # relative to the (standardised) data's own variance


@dataclass(frozen=True)
class TasteSpace:
    """From summaries ``(N, D)`` to L lines, A named readouts and then R residual directions, and to F = L + A features.

    Lines are linear in C coordinates: a summary and, with ``readings``, what these read from it (C = D + 2).
    ``centre`` ``(C,)``; ``readout`` ``(C, L)``, every line has mean 0 and SD 1 in the data. Features are the lines,
    then the distances of the named ones from the middle. ``prior_variance`` ``(F,)`` of a listener's weights, whose
    prior mean is 0. ``attribute_mean``/``attribute_sd`` ``(A,)`` in the attributes' own units; ``explained`` ``(A,)``
    is the share of each attribute's variance that its readout finds. ``together`` ``(A, F)``: expected change of the
    features when an attribute rises by one SD and everything that goes with it in real music moves along; ``alone``
    ``(A, F)``: the same with the other attributes held; in both the distances stay, since a rise and a fall from the
    middle change them alike. ``version`` is the style model's: latents of another version don't fit.
    """

    version: str
    names: tuple[str, ...]
    centre: FloatArray
    readout: FloatArray
    prior_variance: FloatArray
    attribute_mean: FloatArray
    attribute_sd: FloatArray
    explained: FloatArray
    together: FloatArray
    alone: FloatArray
    readings: Readouts | None = None
    groups: tuple[str, ...] = GROUPS

    def __post_init__(self) -> None:
        dims, attributes = len(self.centre), len(self.names)
        size = len(self.prior_variance)
        lines = size - attributes
        wanted = {
            "centre": (dims,),
            "readout": (dims, lines),
            "prior_variance": (size,),
            "attribute_mean": (attributes,),
            "attribute_sd": (attributes,),
            "explained": (attributes,),
            "together": (attributes, size),
            "alone": (attributes, size),
        }
        check_arrays(self, wanted, "taste space")
        if self.readings and self.readings.dims != self.dims:
            raise ValueError(f"taste space: readings of {self.readings.dims} numbers, a summary of {self.dims}")

    @property
    def of_pictures(self) -> bool:
        """Whether it is of pictures, and not of music."""
        return self.groups == PICTURE_GROUPS

    @property
    def style_of(self) -> Mapping[str, str]:
        """The latent group that each attribute speaks of; a music's attribute may be a name that nobody knows."""
        known = PICTURE_ATTRIBUTES if self.of_pictures else ATTRIBUTES
        return {name: known.get(name, name) for name in self.names}

    @property
    def exchangeable(self) -> tuple[str, ...]:
        """The style groups that may be taken from elsewhere.

        The harmony stays with its tune: a melody over another piece's chords is the swap most likely to sound wrong.
        """
        return tuple(name for name in self.groups[1:] if name != "harmony")

    @property
    def dims(self) -> int:
        """Length D of a summary."""
        return len(self.centre) - (len(READ) if self.readings else 0)

    @property
    def size(self) -> int:
        """Number F of features."""
        return len(self.prior_variance)

    @property
    def prior_mean(self) -> FloatArray:
        """Mean of a listener's weights before any vote: zero, ``(F,)``."""
        return np.zeros(self.size)

    @property
    def prior_covariance(self) -> FloatArray:
        """Covariance of a listener's weights before any vote, ``(F, F)``, diagonal."""
        return np.diag(self.prior_variance)

    def features(self, summaries: npt.ArrayLike) -> FloatArray:
        """Features ``(N, F)`` of summaries ``(N, D)``; one summary ``(D,)`` gives ``(1, F)``."""
        return self.with_distances(self.lines(summaries))

    def lines(self, summaries: npt.ArrayLike) -> FloatArray:
        """Lines ``(N, L)`` of summaries ``(N, D)``; one summary ``(D,)`` gives ``(1, L)``."""
        rows = np.atleast_2d(np.asarray(summaries, dtype=np.float64))
        if rows.shape[1] != self.dims:
            raise ValueError(f"summaries have {rows.shape[1]} numbers; this taste space needs {self.dims}")
        lines: FloatArray = (_coordinates(rows, self.readings) - self.centre) @ self.readout
        return lines

    def with_distances(self, lines: npt.ArrayLike) -> FloatArray:
        """Features ``(..., F)`` from lines ``(..., L)``."""
        given = np.asarray(lines, dtype=np.float64)
        return np.concatenate([given, distances(given[..., : len(self.names)])], axis=-1)

    def parts(self, summaries: npt.ArrayLike, sizes: Mapping[str, int]) -> FloatArray:
        """What each latent group of ``groups`` adds to the lines, ``(N, groups, L)``; their sum is ``lines``.

        Exact, since every coordinate comes from one group alone. ``sizes``: dimensions of each group.
        """
        rows = np.atleast_2d(np.asarray(summaries, dtype=np.float64))
        columns = columns_of(sizes)
        if rows.shape[1] != self.dims or sum(map(len, columns.values())) != self.dims:
            raise ValueError(f"summaries have {rows.shape[1]} numbers; this taste space needs {self.dims}")
        if self.readings is not None:
            for place, group in enumerate(READ_FROM, start=self.dims):
                columns[group] = np.append(columns[group], place)
        off = _coordinates(rows, self.readings) - self.centre
        return np.stack([off[:, columns[name]] @ self.readout[columns[name]] for name in self.groups], axis=1)

    @classmethod
    def fit(
        cls,
        summaries: npt.ArrayLike,
        attributes: npt.ArrayLike,
        names: Sequence[str],
        version: str,
        *,
        domains: Sequence[str] | None = None,
        readings: Readouts | None = None,
        groups: tuple[str, ...] = GROUPS,
    ) -> TasteSpace:
        """Fit on real clips: ``summaries`` ``(N, D)``, their ``attributes`` ``(N, A)`` named ``names``.

        With ``domains`` (N labels) everything is measured within domains, each counting the same, since both clips
        of a pair come from one: how pop differs from dance tunes is nobody's taste. Raises ``ValueError`` on too few
        clips or shapes that don't fit.
        """
        x, y = np.asarray(summaries, dtype=np.float64), np.asarray(attributes, dtype=np.float64)
        if x.ndim != 2 or y.shape != (len(x), len(names)):
            raise ValueError(f"summaries {x.shape} and attributes {y.shape} don't fit {len(names)} names")
        if len(x) < 4 * (len(names) + RESIDUALS) or not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ValueError(f"{len(x)} clips are too few, or some of their numbers are not finite")
        x = _coordinates(x, readings)
        labels = np.zeros(len(x), dtype=np.int64) if domains is None else _numbered(domains, len(x))
        centre, attribute_mean = x.mean(axis=0), y.mean(axis=0)
        x, y = _within(x, labels), _within(y, labels)
        weight = 1 / np.bincount(labels)[labels]  # every domain counts the same, however many clips it has
        weight /= weight.sum()
        attribute_sd = _typical_sd(y, labels)
        y = y / attribute_sd
        scale = np.maximum(np.sqrt(weight @ x**2), 1e-6)
        z = x / scale
        readout = np.linalg.solve(_product(z, z, weight) + RIDGE * np.eye(len(scale)), _product(z, y, weight))
        if readings is not None:
            # What is read is what will be decoded: a regression would blur it with whatever else goes along.
            for place, name in enumerate(READ, start=-len(READ)):
                if name in names:
                    readout[:, list(names).index(name)] = np.eye(len(scale))[place]
        named = z @ readout
        # What is left of the latents once the named features are regressed out is uncorrelated with them.
        square = _product(named, named, weight)
        slope = np.linalg.lstsq(square, _product(named, z, weight), rcond=1e-9)[0]
        to_rest = np.eye(len(scale)) - readout @ slope
        rest = z @ to_rest
        values, directions = np.linalg.eigh(_product(rest, rest, weight))
        count = min(RESIDUALS, int((values > 1e-9 * max(values[-1], 1e-12)).sum()))
        whole = np.hstack([readout, to_rest @ directions[:, ::-1][:, :count]])
        whole /= _typical_sd(z @ whole, labels)
        lines = z @ whole
        named = lines[:, : len(names)]
        common, own = _product(y, lines, weight), _product(y, y, weight)
        spread = np.maximum((weight @ named**2) * np.diag(own), 1e-12)
        # A whisker of ridge: two attributes that always move together have no separate effect.
        alone = np.asarray(np.linalg.solve(own + 1e-3 * np.eye(len(names)), common), dtype=np.float64)
        still = np.zeros((len(names), len(names)))
        return cls(
            version=version,
            names=tuple(names),
            centre=centre,
            readout=whole / scale[:, None],
            prior_variance=_prior_variance(len(names), count),
            attribute_mean=attribute_mean,
            attribute_sd=attribute_sd,
            explained=np.diag(common[:, : len(names)]) ** 2 / spread,
            together=np.hstack([common / np.maximum(np.diag(own), 1e-12)[:, None], still]),
            alone=np.hstack([alone, still]),
            readings=readings,
            groups=groups,
        )

    def save(self, path: Path) -> None:
        """Write ``path.safetensors`` and ``path.json``; loading is strict."""
        numbers, words = _files(path)
        arrays = {name: getattr(self, name) for name in ARRAYS}
        about = {"format": FORMAT, "version": self.version, "names": list(self.names), "groups": list(self.groups)}
        if self.readings:
            arrays |= {f"readings.{name}": getattr(self.readings, name) for name in PARTS}
            about["sizes"] = list(self.readings.sizes)
        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, numbers)
        words.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, version: str | None = None) -> TasteSpace:
        """Read what ``save`` wrote; ``version``, where given, must be the style model's.

        Raises ``ValueError`` on another format, another version, missing or additional arrays.
        """
        numbers, words = _files(path)
        about: dict[str, Any] = json.loads(words.read_text(encoding="utf-8"))
        groups = tuple(about.get("groups", ()))
        if about.get("format") != FORMAT or groups not in {GROUPS, PICTURE_GROUPS}:
            raise ValueError(f"{path.name} is not a taste space of format {FORMAT}")
        if version is not None and about["version"] != version:
            raise ValueError(f"{path.name} belongs to style model {about['version']}, not to {version}")
        arrays = load_file(numbers)
        wanted = {*ARRAYS, *(f"readings.{name}" for name in PARTS if "sizes" in about)}
        if set(arrays) != wanted:
            raise ValueError(f"{path.name} holds {sorted(arrays)}; it must hold {sorted(wanted)}")
        readings = None
        if "sizes" in about:
            readings = Readouts(tuple(about["sizes"]), **{name: arrays[f"readings.{name}"] for name in PARTS})
        own = {name: arrays[name] for name in ARRAYS}
        return cls(version=about["version"], names=tuple(about["names"]), **own, readings=readings, groups=groups)


def distances(lines: npt.ArrayLike) -> FloatArray:
    """How far standardised ``lines`` are from their middle, likewise standardised: the same shape."""
    found: FloatArray = (np.sqrt(ROUND + np.asarray(lines, dtype=np.float64) ** 2) - DISTANCE_MEAN) / DISTANCE_SD
    return found


ARRAYS = tuple(
    entry.name for entry in fields(TasteSpace) if entry.name not in {"version", "names", "readings", "groups"}
)


PARTS = tuple(entry.name for entry in fields(Readouts) if entry.name != "sizes")


def _coordinates(summaries: FloatArray, readings: Readouts | None) -> FloatArray:
    """Summaries ``(N, D)`` beside what is read from them, ``(N, C)``."""
    return summaries if readings is None else np.hstack([summaries, readings.of(summaries)])


def _files(path: Path) -> tuple[Path, Path]:
    """The two files of a taste space; ``path`` may be written with or without ``.safetensors``."""
    stem = path.name.removesuffix(".safetensors")
    return path.with_name(f"{stem}.safetensors"), path.with_name(f"{stem}.json")


def _numbered(domains: Sequence[str], clips: int) -> npt.NDArray[np.int64]:
    """The domain of each clip as a number."""
    if len(domains) != clips:
        raise ValueError(f"{len(domains)} domains for {clips} clips")
    return np.unique(np.asarray(domains), return_inverse=True)[1].astype(np.int64)


def _within(values: FloatArray, labels: npt.NDArray[np.int64]) -> FloatArray:
    """``values`` ``(N, K)`` minus the mean of their domain."""
    centred = values.copy()
    for label in np.unique(labels):
        centred[labels == label] -= values[labels == label].mean(axis=0)
    return centred


def _typical_sd(values: FloatArray, labels: npt.NDArray[np.int64]) -> FloatArray:
    """Standard deviation ``(K,)`` within a domain, geometric mean over the domains in which a value varies."""
    sds = np.stack([values[labels == label].std(axis=0) for label in np.unique(labels)])
    moving = sds > 0.2 * np.maximum(sds.max(axis=0), 1e-9)  # chorales know no dynamics: they say nothing about them
    logs = np.where(moving, np.log(np.maximum(sds, 1e-12)), 0.0).sum(axis=0) / np.maximum(moving.sum(axis=0), 1)
    return np.where(moving.any(axis=0), np.exp(logs), 1.0)


def _product(a: FloatArray, b: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted second moments ``(columns of a, columns of b)``."""
    product: FloatArray = (a * weight[:, None]).T @ b
    return product


def _prior_variance(named: int, unnamed: int) -> FloatArray:
    """Diagonal prior: features have SD 1, so two random clips differ by a variance of twice its sum."""
    total = UTILITY_DIFFERENCE_SD**2 / 2
    share = RESIDUAL_SHARE if unnamed else 0.0
    parts = ((1 - share - MIDDLE_SHARE, named), (share, unnamed), (MIDDLE_SHARE, named))
    return np.concatenate([np.full(count, total * part / max(count, 1)) for part, count in parts])


def nearest_clips(features: npt.ArrayLike, start: npt.ArrayLike, count: int) -> list[int]:
    """Indices of the ``count`` clips with ``features`` ``(C, F)`` that are most like ``start`` ``(F,)``, in order."""
    return [int(index) for index in np.argsort(_away(features, start), kind="stable")[:count]]


def similar_path(features: npt.ArrayLike, start: npt.ArrayLike, steps: int) -> list[int]:
    """Indices of at most ``steps`` clips, each the most like the one before of those farther from ``start``."""
    x, here = np.asarray(features, dtype=np.float64), np.asarray(start, dtype=np.float64)
    away, reached, path = _away(x, here), 0.0, list[int]()
    while len(path) < steps and (away > reached).any():
        step = int(np.where(away > reached, _away(x, here), np.inf).argmin())
        path.append(step)
        here, reached = x[step], float(away[step])
    return path


def _away(features: npt.ArrayLike, start: npt.ArrayLike) -> FloatArray:
    distance: FloatArray = np.linalg.norm(np.asarray(features, dtype=np.float64) - np.asarray(start), axis=1)
    return distance
