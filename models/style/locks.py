"""Locks: what of a piece stays while the rest of it is composed anew.

Notes that stay are fed to the decoder (``models.style.constraints``); what stays as latents keeps them while the
others are drawn again (``Composer.plan``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Locks:
    """``bars`` (counted from 0) and the melody stay note for note; harmony and rhythm stay as latents."""

    bars: tuple[int, ...] = ()
    melody: bool = False
    harmony: bool = False
    rhythm: bool = False

    @property
    def notes_stay(self) -> bool:
        """Whether any note stays, so that notes have to be given."""
        return bool(self.bars) or self.melody

    @property
    def groups(self) -> tuple[str, ...]:
        """Latent groups that stay in every bar; a melody's shape lies in the content."""
        held = {"content": self.melody, "harmony": self.harmony, "rhythm": self.rhythm}
        return tuple(name for name, stays in held.items() if stays)
