"""Where the mel bands lie; without torch, for those who only draw them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 22_050
MELS = 64
LOWEST_HZ = 30.0


def mel_of_hz(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """HTK's mel scale."""
    return np.asarray(2595 * np.log10(1 + np.asarray(hz, dtype=np.float64) / 700))


def band_centres_hz() -> npt.NDArray[np.float64]:
    """The middle of each mel band, ``(MELS,)``."""
    low, high = mel_of_hz([LOWEST_HZ, SAMPLE_RATE_HZ / 2])
    mels = np.linspace(low, high, MELS + 2)[1:-1]
    return np.asarray(700 * (10 ** (mels / 2595) - 1))
