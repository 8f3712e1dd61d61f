"""Real clips as a taste space needs them: their latents' summaries beside what is measured in their notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.metrics.music_statistics import ATTRIBUTES, attributes, half_bar_chroma
from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import TEMPI_BPM
from models.style.compose import Composer
from models.style.latents import GROUPS
from models.style.windows import WindowSet
from models.taste.readings import Readings, summary
from models.taste.space import TasteSpace

NAMES = tuple(ATTRIBUTES)
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredClips:
    """Clips as summaries ``(N, D)``, attributes ``(N, A)``, chroma in ticks ``(N, 12)`` and domains ``(N,)``.

    ``sizes``: the dimensions of each latent group.
    """

    summaries: npt.NDArray[np.float32]
    attributes: FloatArray
    chroma: FloatArray
    domains: list[str]
    sizes: dict[str, int]


def attribute_row(piece: Piece) -> list[float]:
    """The attributes of a clip in the order of ``NAMES``."""
    found = attributes(piece)
    return [found[name] for name in NAMES]


def clips_of(windows: WindowSet, count: int, seed: int) -> list[Piece]:
    """At most ``count`` clips of each domain, without repeats; those that begin a phrase before others."""
    generator = np.random.default_rng(seed)
    drawn: list[Piece] = []
    for domain in range(len(DOMAINS)):
        there = generator.permutation(np.flatnonzero(windows.domain == domain))
        there = there[np.argsort(~windows.start[there], kind="stable")]
        drawn += [windows.clip(int(index)) for index in there[:count]]
    return drawn


def measure(composer: Composer, clips: Sequence[Piece], *, quiet: bool = False) -> MeasuredClips:
    """Encode and measure ``clips``; others are left out. Raises ``MusicError`` where none can be encoded."""
    summaries, rows, chroma, domains = [], [], [], []
    sizes: dict[str, int] = {}
    for clip in track(clips, "clips", disable=quiet):
        try:
            latents = composer.encode(clip)
        except MusicError:
            continue
        sizes = {name: latents.groups[name].shape[1] for name in GROUPS}
        summaries.append(summary(latents))
        rows.append(attribute_row(clip))
        chroma.append(half_bar_chroma(clip).sum(axis=0))
        domains.append(str(clip.domain))
    if not rows:
        raise MusicError("none of the clips can be encoded")
    return MeasuredClips(np.stack(summaries), np.array(rows), np.array(chroma), domains, sizes)


def fit_space(composer: Composer, found: MeasuredClips) -> TasteSpace:
    """The taste space of ``composer``'s model from clips that it has encoded."""
    tempo = np.stack([part.numpy() for part in composer.model.tempo.readout()])
    readings = Readings.fit(found.summaries, found.chroma, sizes=found.sizes, tempo=tempo, tempi_bpm=TEMPI_BPM)
    return TasteSpace.fit(
        found.summaries, found.attributes, NAMES, composer.version, domains=found.domains, readings=readings
    )


def variance_found(space: TasteSpace, clips: MeasuredClips) -> dict[str, FloatArray]:
    """Squared correlation of each attribute with its readout within each domain, ``(A,)``; NaN where it is constant."""
    features, domains = space.features(clips.summaries)[:, : len(NAMES)], np.array(clips.domains)
    found = {}
    for domain in dict.fromkeys(clips.domains):
        x, y = features[domains == domain], clips.attributes[domains == domain]
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        size = (x**2).sum(axis=0) * (y**2).sum(axis=0)
        found[domain] = np.where(size > 1e-12, (x * y).sum(axis=0) ** 2 / np.maximum(size, 1e-12), np.nan)
    return found
