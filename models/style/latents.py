"""The latent schema: one content group and several style groups, each a vector a bar.

A clip's latents never mix model versions; ``piece`` leaves room for what describes a whole piece (genre, mood).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

BARS = 8  # of a clip
STYLE_GROUPS = ("rhythm", "register", "harmony", "dynamics", "tempo", "texture")
GROUPS = ("content", *STYLE_GROUPS)
PICTURE_GROUPS = ("shape", "palette", "light", "line")  # of a picture, which is one bar of the same schema
MEASURED = "measured"  # in a picture's ``piece``: attribute → what was measured of it as it was decoded
CODES, CODE_COUNT, CODE_LEVELS = "codes", 4, 5  # a piece's style codes: name, how many, values of each
DRAWN_FROM = "drawings"  # in its ``piece`` as well: the version of the drawings among which its subject is looked up
INK = "ink"  # in what was measured, too: how much is to be seen at all, which is no taste
# Styles on the way to another piece, so that each half of it is about as much to be heard
PASSING = ("rhythm", "tempo", "register", "dynamics", "texture", "harmony")
TUNE = "tune"  # no group of latents: the top line of notes, which a piece model can be told beside them
TOLD_GROUPS = (*GROUPS, TUNE)
SWAPPABLE = (*STYLE_GROUPS, CODES)
TEMPERATURE, TOP_P = 1.0, 0.95  # the usual; with these notes are sampled as the writer's card says
MOST_GUIDANCE = 4.0  # times as far as learned towards what a draw was asked for; beyond it latents leave the data


@dataclass(frozen=True)
class Latents:
    """``groups``: name → float32 ``(bars, dim)``; ``piece``: genre, valence, arousal, style codes where known."""

    version: str
    groups: Mapping[str, npt.NDArray[np.float32]]
    piece: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.groups) not in ({*GROUPS}, {*PICTURE_GROUPS}):
            raise ValueError(f"latent groups are {sorted(self.groups)}; they must be {sorted(GROUPS)}")
        if len({len(value) for value in self.groups.values()}) != 1:
            raise ValueError("every latent group needs the same number of bars")

    @property
    def bars(self) -> int:
        """Number of bars."""
        return len(next(iter(self.groups.values())))

    @property
    def of_picture(self) -> bool:
        """Whether they are a picture's."""
        return "shape" in self.groups

    def to_json(self) -> dict[str, Any]:
        """Plain lists; five decimals, which is below the posterior's noise."""
        return {
            "version": self.version,
            "groups": {name: np.round(value.astype(np.float64), 5).tolist() for name, value in self.groups.items()},
            "piece": dict(self.piece),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Latents:
        """Read what ``to_json`` wrote; raises ``ValueError`` or ``KeyError`` on anything else."""
        groups = {name: np.array(data["groups"][name], dtype=np.float32) for name in data["groups"]}
        return cls(str(data["version"]), groups, dict(data.get("piece") or {}))


def morphed(one: Latents, other: Latents, share: float) -> tuple[Latents, dict[str, Latents]]:
    """What lies ``share`` of the way from ``one`` to ``other``: the content, and those of the styles that aren't its.

    One style after the other passes over, and half way the content with its meter and domain: the mean of all latents
    of two pieces is those of no music. Bars as in ``between``.
    """
    content = between(one, other, float(share > 0.5))
    passed = {group: min(1.0, max(0.0, len(PASSING) * share - place)) for place, group in enumerate(PASSING)}
    styles = {group: between(one, other, by, (group,)) for group, by in passed.items() if by != float(share > 0.5)}
    return content, styles


def with_styles(content: Latents, styles: Mapping[str, Latents]) -> Latents:
    """``content`` with each of ``styles`` in place of its own."""
    return replace(content, groups={**content.groups, **{name: each.groups[name] for name, each in styles.items()}})


def between(one: Latents, other: Latents, share: float, groups: Collection[str] = GROUPS) -> Latents:
    """``one`` with some groups ``share`` of the way on the straight line to ``other``'s, bar by bar.

    It has the bars of ``one``: shorter music is repeated, longer cut. Where all groups go, what can't lie between two
    pieces (meter, domain) is the nearer one's. For a way from one piece to another see ``morphed``.
    """
    place = np.arange(one.bars) % other.bars
    mixed = {
        name: ((1 - share) * one.groups[name] + share * other.groups[name][place]).astype(np.float32) for name in groups
    }
    nearer = other if share > 0.5 and set(groups) == set(GROUPS) else one
    return replace(one, groups={**one.groups, **mixed}, piece=nearer.piece)
