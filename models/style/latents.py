"""The latent schema: one content group and several style groups, each a vector a bar; and directions in it.

A clip's latents never mix model versions; ``piece`` leaves room for what describes a whole piece (genre, mood).

A direction is how a style's latents move when real music has more of it: the data's regression. Moving one raw
dimension far drags other things along; moving by what clips differ in that differ by one standard deviation of the
attribute stays where real music lies. Mode is a matter of keys, so harmony has a direction a tonic, fitted on the same
clips transposed there. Kept as JSON beside the weights; read without torch.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.music.keys import half_bar_chroma, likely_key
from models.music.notes import Piece

Floats = npt.NDArray[np.float64]

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


FILE, FORMAT = "directions.json", 1
ABOUT = ("version", "sha256", "data", "commit", "seed")
TONICS = 12
PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class Direction:
    """``per_sd`` ``(1 or 12, dim)``: what a bar's latents gain with one ``sd`` more of ``attribute``, a row a tonic.

    ``real``: domain → the attribute's ``PERCENTILES`` in real clips, of domains in which it varies; empty where that
    was not measured.
    """

    attribute: str
    sd: float
    per_sd: Floats
    real: Mapping[str, list[float]] = field(default_factory=dict)

    def of(self, tonic: int) -> Floats:
        """The direction in a key with this tonic (0-11, C to B): ``(dim,)``."""
        row: Floats = self.per_sd[tonic % len(self.per_sd)]
        return row


@dataclass(frozen=True)
class Directions:
    """Style → direction, and what they were fitted on: the keys of ``ABOUT``."""

    about: Mapping[str, Any]
    groups: Mapping[str, Direction]

    @property
    def version(self) -> str:
        """Of the latents that they move."""
        return str(self.about["version"])

    def moved(self, latents: Latents, group: str, deviations: float, tonic: int = 0) -> Latents:
        """All bars of ``latents`` with so many standard deviations more of a style.

        Raises ``ValueError`` for latents of another model and ``KeyError`` for a style without a direction.
        """
        if latents.version != self.version:
            raise ValueError(f"latents of model {latents.version!r} were given, directions of {self.version!r}")
        step = deviations * self.groups[group].of(tonic)
        return replace(latents, groups={**latents.groups, group: (latents.groups[group] + step).astype(np.float32)})

    def save(self, folder: Path) -> Path:
        """Write ``directions.json`` into a model's folder."""
        groups = {
            name: {
                "attribute": each.attribute,
                "sd": each.sd,
                "per_sd": np.round(each.per_sd, 5).tolist(),
                "real": dict(each.real),
            }
            for name, each in self.groups.items()
        }
        path, text = folder / FILE, json.dumps({"format": FORMAT, **self.about, "groups": groups}, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, folder: Path) -> Directions | None:
        """What ``save`` wrote, None where nothing was; raises ``ValueError`` on anything else."""
        path = folder / FILE
        if not path.exists():
            return None
        try:
            return cls._read(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path.name} can't be read ({error}); evaluate relations with --save again") from error

    @classmethod
    def _read(cls, told: dict[str, Any]) -> Directions:
        if told.pop("format") != FORMAT or set(told) != {*ABOUT, "groups"}:
            raise ValueError(f"its format must be {FORMAT} and its keys {', '.join((*ABOUT, 'groups'))}")
        groups = {name: _direction(name, **each) for name, each in told.pop("groups").items()}
        return cls(told, groups)


def tonic_of(piece: Piece) -> int:
    """The tonic of the likeliest key of a piece: 0-11, C to B."""
    return likely_key(half_bar_chroma(piece).sum(axis=0)) % TONICS


def slope(latents: Floats, attribute: Floats, domains: npt.NDArray[np.str_]) -> tuple[Floats, float]:
    """Regression of ``latents`` ``(clips, dim)`` on an attribute ``(clips,)`` within domains: per SD, and that SD.

    Domains weigh by their spread in the attribute: one that does not vary says nothing. Raises ``ValueError`` where
    none varies.
    """
    x, z = attribute.astype(np.float64).copy(), latents.astype(np.float64).copy()
    spreads = []
    for domain in np.unique(domains):
        rows = domains == domain
        x[rows] -= x[rows].mean()
        z[rows] -= z[rows].mean(axis=0)
        spreads.append((float(x[rows].std()), int(rows.sum())))
    most = max(spread for spread, _ in spreads)
    if most < 1e-9:
        raise ValueError("the attribute does not vary in any domain; nothing can be regressed on it")
    live = [(spread**2, count) for spread, count in spreads if spread > 0.2 * most]
    sd = float(np.sqrt(sum(square * count for square, count in live) / sum(count for _, count in live)))
    return sd * (x @ z) / float(x @ x), sd


def _direction(
    name: str, attribute: str, sd: float, per_sd: list[list[float]], real: dict[str, list[float]] | None = None
) -> Direction:
    rows = np.array(per_sd, dtype=np.float64)
    if name not in STYLE_GROUPS or rows.ndim != 2 or len(rows) not in {1, TONICS} or not np.isfinite(rows).all():
        raise ValueError(f"{name}: the direction of a style is 1 or {TONICS} rows of finite numbers")
    if not (isinstance(attribute, str) and isinstance(sd, float) and sd > 0):
        raise ValueError(f"{name}: attribute must be a name and sd above 0")
    spread = np.array([*(real or {}).values()], dtype=np.float64).reshape(-1, len(PERCENTILES))
    if not np.isfinite(spread).all():
        raise ValueError(f"{name}: real music has {len(PERCENTILES)} finite percentiles a domain")
    return Direction(attribute, sd, rows, real or {})
