"""Reconstruction: clips encoded and written again, and what that costs in bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from models.experiments.report import Report, mean_over_songs
from models.metrics import music_statistics as ms
from models.metrics.intervals import finite_mean
from models.music.notes import DOMAINS, Piece, skyline
from models.music.tokens import to_tokens
from models.style.compose import Composer
from models.style.evaluation.clips import Clips, compose_all, donors_of
from models.style.features import bar_features, gather_notes
from models.style.latents import GROUPS
from models.style.layers import Posterior
from models.style.model import StyleModel
from models.style.windows import pad

NOISE = (1, 2, 3)  # times the posterior's standard deviation


def onset_pitch(piece: Piece) -> npt.NDArray[np.int32]:
    """Onsets and pitches ``(notes, 2)``."""
    return piece.notes[:, [0, 2]]


def reconstruction(report: Report, composer: Composer, clips: Clips, seed: int) -> list[Piece]:
    """Encode and decode; adds ``reconstruction.*``; the greedy reconstructions."""
    greedy = compose_all(composer, clips, seed=seed, temperature=0.0)
    sampled = compose_all(composer, clips, seed=seed)
    wanted = [onset_pitch(p) for p in clips.pieces]
    f1 = np.array([ms.note_f1(onset_pitch(a), b) for a, b in zip(greedy, wanted, strict=True)])
    drawn = np.array([ms.note_f1(onset_pitch(a), b) for a, b in zip(sampled, wanted, strict=True)])
    later = [ms.note_f1(onset_pitch(a), b) if a else np.nan for a, b in zip(clips.later, wanted, strict=True)]
    random = [ms.note_f1(wanted[i], wanted[j]) for i, j in enumerate(donors_of(clips, seed + 7))]
    for name, values, reference in (("", f1, 0.53), (".sampled", drawn, 0.48)):
        metric = mean_over_songs(
            clips.songs, values, baseline=finite_mean(later), chance=float(np.mean(random)), reference=reference
        )
        report.add(f"reconstruction{name}.note_f1", metric)
    for domain in DOMAINS:
        rows = clips.of(domain)
        if len(rows):
            songs = [clips.songs[i] for i in rows]
            baseline = finite_mean(np.array(later)[rows])
            report.add(f"reconstruction.{domain}.note_f1", mean_over_songs(songs, f1[rows], baseline=baseline))
    onsets = [ms.note_f1(a.notes[:, 0], b.notes[:, 0]) for a, b in zip(greedy, clips.pieces, strict=True)]
    lines = [ms.note_f1(skyline(a), skyline(b)) for a, b in zip(greedy, clips.pieces, strict=True)]
    chroma = [ms.chroma_correlation(a, b) for a, b in zip(greedy, clips.pieces, strict=True)]
    report.add("reconstruction.onset_f1", mean_over_songs(clips.songs, onsets, reference=0.95))
    report.add("reconstruction.skyline_f1", mean_over_songs(clips.songs, lines))
    report.add("reconstruction.chroma_correlation", mean_over_songs(clips.songs, chroma, reference=0.97))
    whole = [ms.chroma_correlation(a, b, 2) for a, b in zip(greedy, clips.pieces, strict=True)]
    report.add("reconstruction.chroma_correlation_whole_bars", mean_over_songs(clips.songs, whole))
    report.add(
        "reconstruction.bits_per_bar",
        mean_over_songs(clips.songs, [bits(posterior_of(composer.model, p)) for p in clips.pieces]),
    )
    return greedy


def fidelity_curve(report: Report, composer: Composer, clips: Clips, seed: int) -> None:
    """Fidelity against bits; adds ``reconstruction.noise_K.{note_f1,bits_per_bar}``.

    Latents are drawn from the posterior with K times its standard deviation, which tells a clip in fewer bits.
    """
    generator = torch.Generator().manual_seed(seed)
    for times in NOISE:
        drawn, rates = [], []
        for piece in clips.pieces:
            posterior = wider(posterior_of(composer.model, piece), times)
            z = posterior.sample(generator).numpy()
            parts = np.split(z, np.cumsum([composer.model.config.latent[name] for name in GROUPS])[:-1], axis=1)
            drawn.append(replace(composer.encode(piece), groups=dict(zip(GROUPS, parts, strict=True))))
            rates.append(bits(posterior))
        made = compose_all(composer, clips, seed=seed, temperature=0.0, encoded=drawn)
        found = [ms.note_f1(onset_pitch(a), onset_pitch(b)) for a, b in zip(made, clips.pieces, strict=True)]
        report.add(f"reconstruction.noise_{times}.note_f1", mean_over_songs(clips.songs, found))
        report.add(f"reconstruction.noise_{times}.bits_per_bar", mean_over_songs(clips.songs, rates))


@torch.inference_mode()
def posterior_of(model: StyleModel, piece: Piece) -> Posterior:
    """The posterior over the latents of a clip's bars."""
    return model.encode(bar_features(gather_notes(pad([to_tokens(piece)]), len(piece.bars))))


def wider(posterior: Posterior, times: float) -> Posterior:
    """The posterior with so many times its standard deviation, though no more than the prior's, which says nothing."""
    most = posterior.log_variance.clamp(min=0)
    return replace(posterior, log_variance=torch.minimum(posterior.log_variance + 2 * np.log(times), most))


def bits(posterior: Posterior) -> float:
    """KL to N(0, 1) in bits a bar: the rate at which a clip is told."""
    return float(posterior.kl().sum(-1).mean()) / float(np.log(2))
