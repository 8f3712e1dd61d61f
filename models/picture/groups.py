"""Groups of a picture's latent vector: what is shown, and the three styles in which it is."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

SIZES = {"shape": 72, "palette": 12, "light": 4, "line": 8}
DIMS = sum(SIZES.values())
STYLES = ("palette", "light", "line")

# Group → its slice of a latent vector ``(dims,)``, in order
GROUPS: Mapping[str, slice] = {
    name: slice(end - size, end) for (name, size), end in zip(SIZES.items(), accumulate(SIZES.values()), strict=True)
}
