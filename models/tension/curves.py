"""A piece as pages draw it: what was heard at each note and in each bar, and what else was likely there. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LEAST_BARS = 4  # with notes in them, of a piece whose rewards are told: fewer can hardly be compared with whole music


@dataclass(frozen=True)
class HeardNote:
    """A note as it was heard: where it begins and how long it is in bars, its MIDI pitch, and nats.

    ``expected``: the MIDI pitches that were likeliest there, each with its chance.
    """

    onset: float
    length: float
    pitch: int
    surprise: float
    uncertainty: float
    expected: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class HeardBeat:
    """A beat in which notes begin: where it does and how long it is, in bars, and the mean nats of these notes."""

    onset: float
    length: float
    surprise: float
    uncertainty: float


@dataclass(frozen=True)
class Recognition:
    """What is recognised of a ``task`` (domain, collection, meter, key, valence, arousal) ``after`` so many bars.

    ``likeliest``: for each of them up to three classes, the likeliest first, each with its chance.
    """

    task: str
    after: tuple[int, ...]
    likeliest: tuple[tuple[tuple[str, float], ...], ...]


@dataclass(frozen=True)
class Horizon:
    """What was to be expected ``ahead`` bars later, after each bar; None before the fourth.

    ``returns``: the chance that the coming bar is like one of the last eight. ``like``: the number of the bar, from 0,
    that it is most likely like. ``uncertainty`` and ``surprise``: nats of the whole bar. ``returned``: whether it was
    like one of them. The last two are None where nothing came.
    """

    ahead: int
    returns: tuple[float | None, ...]
    like: tuple[int | None, ...]
    uncertainty: tuple[float | None, ...]
    surprise: tuple[float | None, ...]
    returned: tuple[bool | None, ...]


@dataclass(frozen=True)
class Curves:
    """A piece as it was heard.

    ``future``, ``past``, ``both``: rewards in standard deviations of real music of ``domain``. ``surprise`` and
    ``uncertainty``, nats a note, and ``recognised``, how surely a bar is found to be this piece's own among sixteen,
    have one figure a bar, None where there is none. ``heard_whole``: not cut off; ``loose``: it was played off the
    beat, and moved to sixteenths. ``usual_surprise``, ``usual_uncertainty``: the means of real music of that
    domain. ``silent_bars``: before the first note, of which nothing is told. ``beats``: dotted ones in compound meters.
    ``recognitions`` and ``horizons``: what heads say along it, as far as there are bars.
    """

    domain: str = ""
    future: float = 0.0
    past: float = 0.0
    both: float = 0.0
    notes: tuple[HeardNote, ...] = ()
    surprise: tuple[float | None, ...] = ()
    uncertainty: tuple[float | None, ...] = ()
    recognised: tuple[float | None, ...] = ()
    heard_whole: bool = True
    loose: bool = False
    usual_surprise: float = 0.0
    usual_uncertainty: float = 0.0
    silent_bars: int = 0
    beats: tuple[HeardBeat, ...] = ()
    recognitions: tuple[Recognition, ...] = ()
    horizons: tuple[Horizon, ...] = ()

    @property
    def scored(self) -> bool:
        """Whether it has ``LEAST_BARS`` with notes, without which the rewards say nothing."""
        return sum(each is not None for each in self.surprise) >= LEAST_BARS

    @property
    def rewards(self) -> tuple[float | None, float | None, float | None]:
        """``both``, ``future`` and ``past``, each None where the piece is not ``scored``."""
        return (self.both, self.future, self.past) if self.scored else (None, None, None)

    def to_json(self) -> dict[str, Any]:
        """Plain lists; ``from_json`` gives the same again."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Curves:
        """Read what ``to_json`` gave."""
        notes = [
            HeardNote(**{**each, "expected": tuple((int(pitch), float(chance)) for pitch, chance in each["expected"])})
            for each in told["notes"]
        ]
        by_bar = {name: tuple(told[name]) for name in ("surprise", "uncertainty", "recognised")}
        beats = tuple(HeardBeat(**each) for each in told["beats"])
        recognitions = tuple(
            Recognition(each["task"], tuple(each["after"]), tuple(
                tuple((str(name), float(chance)) for name, chance in row) for row in each["likeliest"]
            ))
            for each in told["recognitions"]
        )  # fmt: skip
        horizons = tuple(
            Horizon(each["ahead"], *(tuple(each[name]) for name in Horizon.__dataclass_fields__ if name != "ahead"))
            for each in told["horizons"]
        )
        alone = {"notes": tuple(notes), "beats": beats, "recognitions": recognitions, "horizons": horizons}
        return cls(**{**told, **by_bar, **alone})
