"""From a log-mel picture to sound: mel bands back to frequencies, then phases by Griffin & Lim (1984)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from models.music.decoding import Samples
from models.rating.signal_work import transforms
from models.rating.spectrogram import FLOOR, HOP, LOUDNESS, WINDOW, LogMel

ROUNDS = 48
MULTIPLICATIVE = 60
EDGE = 220  # samples over which a part of a trail fades

Picture = npt.NDArray[np.float32]


def audible(picture: Picture, *, seed: int = 0) -> Samples:
    """Mono samples ``(n,)`` whose log-mel picture is near ``picture`` ``(MELS, frames)``."""
    power = (torch.from_numpy(np.ascontiguousarray(picture)).exp() - FLOOR).clamp_min(0)
    filters = LogMel().mel.mel_scale.fb.T  # (MELS, bins)
    spectrum = filters.T @ power + 1e-10
    reached = filters.T.sum(1, keepdim=True).clamp_min(1e-6)
    for _ in range(MULTIPLICATIVE):  # of non-negative least divergence (Lee & Seung 2001)
        spectrum = spectrum * (filters.T @ (power / (filters @ spectrum + 1e-12))) / reached
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        back = transforms.GriffinLim(WINDOW, ROUNDS, hop_length=HOP, power=2.0)
        samples = back(spectrum[None])[0]
    return levelled(samples.numpy())


def levelled(samples: Samples) -> Samples:
    """``samples`` ``(n,)`` at the loudness that the networks hear, within full scale."""
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return np.asarray((samples * (LOUDNESS / max(level, 1e-9))).clip(-1, 1), dtype=np.float32)


def trail_samples(sounds: Sequence[Samples]) -> Samples:
    """As ``trail_picture``, of sounds ``(n,)``: each part fades in and out, so that no edge clicks."""
    edges = np.linspace(0, len(sounds[0]), len(sounds) + 1).astype(int)
    parts = [levelled(each[a:b]) for each, a, b in zip(sounds, edges, edges[1:], strict=False)]
    for part in parts:
        ramp = np.linspace(0, 1, min(EDGE, len(part) // 2), dtype=np.float32)
        part[: len(ramp)] *= ramp
        part[len(part) - len(ramp) :] *= ramp[::-1]
    return np.concatenate(parts)


def trail_picture(pictures: Sequence[Picture]) -> Picture:
    """One picture from noise to the end: the k-th part of the time as it was at the k-th of ``pictures``.

    All parts are equally loud: beside a dream the noise could not be heard.
    """
    frames = pictures[0].shape[1]
    edges = np.linspace(0, frames, len(pictures) + 1).astype(int)
    parts = [each[:, a:b] for each, a, b in zip(pictures, edges, edges[1:], strict=False)]
    return np.concatenate([part - np.log(np.exp(part).mean(dtype=np.float32)) for part in parts], axis=1)
