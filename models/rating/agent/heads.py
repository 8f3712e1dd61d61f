"""A listener's head in a file, for whoever trains an agent on it: ``.npz`` with mean, covariance and version."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.style.compose import Composer
from models.taste.head import Head
from models.taste.space import TasteSpace


def load_head(composer: Composer, path: Path) -> tuple[TasteSpace, Head]:
    """The taste space beside the style model and the head in it; raises ``OSError``, ``KeyError`` or ``ValueError``."""
    if composer.bundle.taste_space_path is None:
        raise ValueError("this style model has no taste space yet: python -m models.train.taste")
    space = TasteSpace.load(composer.bundle.taste_space_path, composer.version)
    with np.load(path, allow_pickle=False) as kept:
        head = Head.of(kept["mean"], kept["covariance"], str(kept["version"]))
    if head.version != space.version or len(head.mean) != space.size:
        raise ValueError(f"the head in {path} is of {head.version}; this taste space is of {space.version}")
    return space, head
