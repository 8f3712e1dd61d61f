"""Where the mel bands lie; without torch, for those who only draw them.

Rate and bands are those that musicnn was trained on.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000
MELS = 96
EVEN_HZ = 200 / 3  # of a mel, up to ``BEND_HZ``
BEND_HZ = 1000.0
RISE = np.log(6.4) / 27  # of the logarithm of frequency with a mel, from there on


def mel_of_hz(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Slaney's mel scale (Auditory Toolbox, 1998): even up to 1 kHz, logarithmic above."""
    given = np.asarray(hz, dtype=np.float64)
    above = BEND_HZ / EVEN_HZ + np.log(np.maximum(given, BEND_HZ) / BEND_HZ) / RISE
    return np.where(given < BEND_HZ, given / EVEN_HZ, above)


def hz_of_mel(mel: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The other way."""
    given = np.asarray(mel, dtype=np.float64)
    bend = BEND_HZ / EVEN_HZ
    return np.where(given < bend, given * EVEN_HZ, BEND_HZ * np.exp(RISE * np.maximum(given - bend, 0)))


def band_centres_hz() -> npt.NDArray[np.float64]:
    """The middle of each mel band, ``(MELS,)``."""
    return hz_of_mel(np.linspace(0, float(mel_of_hz(SAMPLE_RATE_HZ / 2)), MELS + 2)[1:-1])
