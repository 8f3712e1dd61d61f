"""The picture of a sound that the network sees: a log-mel spectrogram at one loudness, with a gradient."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from .mel_bands import MELS, SAMPLE_RATE_HZ
from .signal_work import transforms

WINDOW, HOP = 512, 256
FRAMES_A_SECOND = SAMPLE_RATE_HZ / HOP
LOUDNESS = 0.1  # root mean square of what is seen
FLOOR = 1e-4
DARK = math.log(FLOOR)  # the value of a band in which nothing sounds


class LogMel(nn.Module):
    """``(batch, samples)`` to natural-log mel power ``(batch, MELS, frames)``; how loud the sound is falls away."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = transforms.MelSpectrogram(
            SAMPLE_RATE_HZ, WINDOW, hop_length=HOP, n_mels=MELS, norm="slaney", mel_scale="slaney"
        )

    def forward(self, samples: Tensor) -> Tensor:
        """See the class."""
        level = samples.square().mean(dim=-1, keepdim=True).sqrt().clamp_min(1e-9)
        return torch.log(self.mel(samples * (LOUDNESS / level)) + FLOOR)


def log_mel(samples: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The picture ``(MELS, frames)`` of mono samples at ``SAMPLE_RATE_HZ``."""
    with torch.inference_mode():
        seen = LogMel()(torch.from_numpy(np.asarray(samples, dtype=np.float32))[None])[0]
    return np.asarray(seen.numpy())
