"""What is measured of one trained variant of the style model, clip by clip, so that figures can be told over songs.

How well it tells notes, what it composes from its own latents, whether a swapped style arrives, and what can be read of
a style from other groups' latents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.metrics import music_statistics as ms
from models.metrics.disentanglement import errors_of_reading, folds_of, share_read
from models.music.notes import DOMAINS
from models.music.tokens import to_tokens
from models.style.checkpoint import StyleBundle
from models.style.compose import Composer
from models.style.evaluation.clips import Clips, compose_all, donors_of
from models.style.evaluation.reconstruction import bits, onset_pitch, posterior_of
from models.style.evaluation.relations import CHROMA, Measured, measure
from models.style.evaluation.swaps import ATTRIBUTE, FINEST, correlation, group_attributes
from models.style.features import bar_features, gather_notes
from models.style.fingerprint import Fingerprint
from models.style.latents import BARS, GROUPS, STYLE_GROUPS
from models.style.likelihood import losses
from models.style.model import StyleModel
from models.style.objective import nats_a_note
from models.style.prior import Prior, PriorConfig
from models.style.windows import pad

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
READ = {group: CHROMA if group == "harmony" else name for group, name in ATTRIBUTE.items()}


@dataclass(frozen=True)
class Figures:
    """Of one run: columns over the clips that were told and composed, and over those that were only encoded.

    ``asked`` and ``got``: the attribute of the donor and of the result by group; harmony's are the correlation of
    half-bar chroma with the donor's (``asked`` is empty). ``missed`` and ``mean_missed``: squared errors of reading a
    group's attribute from another's latents, by ``ATTRIBUTE_GROUP.GROUP``.
    """

    variant: str
    seed: int
    steps: int
    parameters: int
    train_seconds: float
    rates: Mapping[str, float]  # bits a bar by group
    nats: list[float]
    note_f1: list[float]
    bits: list[float]
    asked: Mapping[str, list[float]]
    got: Mapping[str, list[float]]
    at_once: Mapping[str, list[float]]  # ``got`` where all groups are swapped at once, from the same donors
    missed: Mapping[str, list[float]]
    mean_missed: Mapping[str, list[float]]

    def write(self, path: Path) -> None:
        """As JSON; a crash while writing leaves nothing."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> Figures:
        """What ``write`` wrote."""
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**found)


def composer_of(model: StyleModel, name: str) -> Composer:
    """To compose from given latents with ``model``: the prior beside it is untrained and takes no part."""
    prior = Prior(PriorConfig(model.config.latent_dim, model.config.codes, dim=32, layers=1, heads=2))
    return Composer(StyleBundle(model.eval(), prior.eval(), Fingerprint.empty(), {"version": name}))


def figures_of(
    model: StyleModel, about: Mapping[str, Any], clips: Clips, read: Clips, *, seed: int, train_seconds: float
) -> Figures:
    """Measure ``model`` on held-out ``clips`` (told, composed, swapped) and ``read`` (encoded)."""
    composer = composer_of(model, f"{about['variant']}-{about['seed']}")
    encoded = [composer.encode(piece) for piece in clips.pieces]
    plain = compose_all(composer, clips, seed=seed, temperature=0.0, encoded=encoded)
    donors = {group: donors_of(clips, seed + place) for place, group in enumerate(STYLE_GROUPS)}
    real = group_attributes(clips.pieces)
    asked = {group: real[group][donors[group]].tolist() for group in STYLE_GROUPS if group != "harmony"}
    got = {}
    for group, taken in donors.items():
        made = compose_all(composer, clips, seed=seed, styles={group: taken}, encoded=encoded)
        got[group] = _arrived(group, clips, taken, made)
    together = compose_all(composer, clips, seed=seed, styles=donors, encoded=encoded)
    music = measure(composer, read, seed)
    missed, mean_missed = reading(music, seed)
    return Figures(
        **about,
        parameters=sum(each.numel() for each in model.parameters()),
        train_seconds=train_seconds,
        rates={group: float(music.bits[group].mean()) for group in GROUPS},
        nats=[cost(composer, clips, row, seed) for row in range(len(clips.pieces))],
        note_f1=[ms.note_f1(onset_pitch(a), onset_pitch(b)) for a, b in zip(plain, clips.pieces, strict=True)],
        bits=[bits(posterior_of(composer, piece)) for piece in clips.pieces],
        asked=asked,
        got=got,
        at_once={group: _arrived(group, clips, donors[group], together) for group in STYLE_GROUPS},
        missed=missed,
        mean_missed=mean_missed,
    )


@torch.inference_mode()
def cost(composer: Composer, clips: Clips, row: int, seed: int) -> float:
    """Nats a note of a clip given a draw of its own latents, teacher-forced."""
    tokens = pad([to_tokens(clips.pieces[row])])
    features = bar_features(gather_notes(tokens, BARS))
    z = composer.model.encode(features).sample(torch.Generator().manual_seed(seed + row))[None]
    domain = torch.tensor([DOMAINS.index(clips.domains[row])])
    return nats_a_note(losses(composer.model, tokens, domain, z), tokens)


def reading(music: Measured, seed: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """``missed`` and ``mean_missed`` of ``Figures``: sums over what is read of each clip."""
    folds = folds_of(music.songs, seed)
    targets = [music.target(READ[group]) for group in STYLE_GROUPS]
    edges = np.cumsum([target.shape[1] for target in targets])[:-1]
    missed: dict[str, list[float]] = {}
    mean_missed: dict[str, list[float]] = {}
    for group in GROUPS:
        errors = errors_of_reading(music.of_clips(group), np.hstack(targets), music.domains, folds)
        for told, each in zip((missed, mean_missed), errors, strict=True):
            parts = zip(STYLE_GROUPS, np.split(each, edges, axis=1), strict=True)
            told |= {f"{own}.{group}": part.sum(1).tolist() for own, part in parts if own != group}
    return missed, mean_missed


def own(figures: Figures, group: str, rows: Ints, domains: npt.NDArray[np.str_], *, at_once: bool = False) -> float:
    """How well a swapped group has the donors' attribute over the clips in ``rows``, as ``swap.GROUP.own`` is told."""
    got = np.array((figures.at_once if at_once else figures.got)[group])[rows]
    if group == "harmony":
        return float(got.mean())
    return correlation(np.array(figures.asked[group])[rows], got, domains[rows], FINEST.get(group, 1e-6))


def leak(figures: Figures, group: str, rows: Ints) -> float:
    """R² of a group's attribute read from another group's latents, at least 0 each, mean over those others."""
    shares = [
        share_read(np.array(figures.missed[key])[rows], np.array(figures.mean_missed[key])[rows])
        for key in (f"{group}.{other}" for other in GROUPS if other != group)
    ]
    return float(np.mean(np.maximum(shares, 0)))


def _arrived(group: str, clips: Clips, donors: Ints, results: list[Any]) -> list[float]:
    if group != "harmony":
        found: list[float] = group_attributes(results)[group].tolist()
        return found
    return [ms.chroma_correlation(clips.pieces[donor], made) for donor, made in zip(donors, results, strict=True)]
