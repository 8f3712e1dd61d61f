"""An agent beside its rivals: what rewarded it, a judge that never did, and whether it is still varied, new music.

A figure is a mean over clips of all domains, with an interval over clips; the baseline is the writer alone. What is
``less_alone`` is paired: two clips of one seed begin at the same place.

Agents also play for simulated listeners, judged by what these truly love: beside searches for the same head.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track

from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics.intervals import bootstrap
from models.metrics.two_sample import describe
from models.music.notes import Domain, Piece
from models.music.tokens import POSITION
from models.rating.agent.policy import Likelihood, agent_of, play
from models.rating.agent.reward import Clip, HeadReward, Offered, Reward, heard_by_judge
from models.rating.agent.training import AgentTraining, Preset, kl_to
from models.rating.rater import RatingBundle
from models.style.compose import Composer
from models.style.evaluation.clips import Excerpts, composed_excerpts
from models.style.evaluation.pieces import Judges, measures, rightly_told
from models.style.latents import BARS
from models.style.pieces.sampling import Writer
from models.taste.head import Head
from models.taste.simulated_people import UTILITY_SD, Person
from models.taste.space import TasteSpace

Floats = npt.NDArray[np.float64]
Compose = Callable[[Domain, int, int], list[Piece]]

AGENT, SEARCH = "agent", "search"


"""``compose(domain, count, seed)``: as many clips."""


ALONE, BEST = "alone", "best_of_n"


MEASURES = ("reward", "judge", "structure", "copied", "diversity", "two_sample")


KL_CLIPS = 16  # of a domain, on which divergence is measured


LEAST_APART = 2


@dataclass(frozen=True)
class Method:
    """Who composes; ``spent``: seconds it took beforehand; ``kl``: its divergence from the writer in nats a step."""

    compose: Compose
    spent: float = 0.0
    kl: float | None = 0.0


@dataclass
class Found:
    """What was measured of one method: by measure, values and the song of each."""

    seconds: float = 0.0
    songs: dict[str, list[str]] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, measure: str, songs: Sequence[str], values: Sequence[float] | Floats) -> None:
        """More clips."""
        self.songs.setdefault(measure, []).extend(songs)
        self.values.setdefault(measure, []).extend(float(value) for value in values)


def plays(writer: Writer) -> Compose:
    """Clips of a writer, as the page has them."""

    def compose(domain: Domain, count: int, seed: int) -> list[Piece]:
        seeds = [(seed, number) for number in range(count)]
        return writer.excerpts(domain, seeds, BARS, writer.places(domain, seeds, BARS))

    return compose


def best_of(writer: Writer, reward: Reward, n: int) -> Compose:
    """Of ``n`` clips that begin at one place the one with the highest reward."""

    def compose(domain: Domain, count: int, seed: int) -> list[Piece]:
        first = [(seed, number) for number in range(count)]
        places = [place for place in writer.places(domain, first, BARS) for _ in range(n)]
        seeds = [(*each, turn) if turn else each for each in first for turn in range(n)]
        pieces = writer.excerpts(domain, seeds, BARS, places)
        scores = np.nan_to_num(reward([Clip(piece) for piece in pieces]), nan=-np.inf).reshape(count, n)
        return [pieces[row * n + int(best)] for row, best in enumerate(scores.argmax(axis=1))]

    return compose


def best_of_kl(n: int, steps: float) -> float:
    """At most how far best of ``n`` diverges, in nats a step of clips of so many steps (Stiennon et al. 2020)."""
    return (math.log(n) - (n - 1) / n) / steps


def divergence(agent: Writer, writer: Writer, domains: Sequence[Domain], seed: int) -> float:
    """Nats a step between an agent and the writer, on clips that the agent plays."""
    own, frozen = Likelihood(agent.bundle.model), Likelihood(writer.bundle.model)
    found, steps = 0.0, 0
    for domain in domains:
        played = play(writer, agent.bundle.model, domain, [(seed, number) for number in range(KL_CLIPS)])
        there = played.drawn[..., POSITION] >= 0
        with torch.no_grad():
            found += float(kl_to(frozen(played), own(played))[there].sum())
        steps += int(there.sum())
    return found / steps


def compare(
    report: Report,
    methods: Mapping[str, Method],
    real: Mapping[Domain, Excerpts],
    judges: Mapping[Domain, Judges],
    *,
    reward: Reward,
    rating: RatingBundle,
    count: int,
) -> None:
    """Add ``agent.METHOD.*`` and, by domain, ``agent.DOMAIN.METHOD.*``."""
    whole = {name: Found() for name in methods}
    for domain, excerpts in real.items():
        here = {name: Found() for name in methods}
        for name, method in track(methods.items(), domain, console=Console(stderr=True)):
            began = time.process_time()
            pieces = method.compose(domain, count, report.seed)
            seconds = time.process_time() - began
            made = composed_excerpts(pieces, BARS, report.seed)
            for each in (here[name], whole[name]):
                each.seconds += seconds
            for measure, (songs, values) in _measured(made, excerpts, judges[domain], reward, rating).items():
                for each in (here[name], whole[name]):
                    each.add(measure, [f"{domain} {song}" for song in songs], values)
        _add(report, here, f"{domain}.")
    _add(report, whole, "")
    for name, method in methods.items():
        told = Metric(method.kl, n=KL_CLIPS * len(real), baseline=0.0)
        report.add(f"agent.{name}.kl", told)
        report.add(f"agent.{name}.seconds", Metric(method.spent + whole[name].seconds, baseline=whole[ALONE].seconds))


def _measured(
    made: Excerpts, real: Excerpts, judges: Judges, reward: Reward, rating: RatingBundle
) -> dict[str, tuple[list[str], Floats]]:
    """Values of each measure and the song of each."""
    clips = [Clip(piece) for piece in made.pieces]
    entire = [Clip(piece, seconds=None) for piece in made.pieces]
    amounts = [measures(piece, judges) for piece in made.pieces]
    found = {
        "reward": reward(clips),
        "judge": np.array([heard_by_judge(rating.judge, [clip])[0] for clip in entire]),
        "structure": np.array([each["si_short"][0] if each["si_short"][1] else np.nan for each in amounts]),
        "copied": np.array([each["copied"][0] for each in amounts]),
        "diversity": apart(made.pieces, real.pieces),
    }
    told = {name: (list(made.songs), np.asarray(values)) for name, values in found.items()}
    if (right := rightly_told(real, made)) is not None:
        told["two_sample"] = right
    return told


def apart(pieces: Sequence[Piece], real: Sequence[Piece]) -> Floats:
    """How far each clip lies from the others of its method, ``(pieces,)``; real clips lie 1 apart on average.

    Root mean square distance of the two-sample features in standard deviations of real clips.
    """
    if min(len(pieces), len(real)) < LEAST_APART:
        return np.full(len(pieces), np.nan)
    known, own = (np.nan_to_num(np.stack([describe(piece) for piece in each])) for each in (real, pieces))
    spread = known.std(axis=0)
    rows = own[:, spread > 0] / spread[spread > 0]
    variance = len(rows) / (len(rows) - 1) * rows.var(axis=0).sum()
    centred = ((rows - rows.mean(axis=0)) ** 2).sum(axis=1)
    return np.asarray(np.sqrt((centred + variance) / (2 * (spread > 0).sum())))


def _add(report: Report, found: Mapping[str, Found], place: str) -> None:
    for name, each in found.items():
        for measure in MEASURES:
            if measure not in each.values:
                continue
            alone = report.metrics.get(f"agent.{place}{ALONE}.{measure}")
            chance = 0.5 if measure == "two_sample" else None
            metric = mean_over_songs(
                each.songs[measure], each.values[measure], baseline=alone.value if alone else None, chance=chance
            )
            report.add(f"agent.{place}{name}.{measure}", metric)
        if name != ALONE:
            for measure in ("reward", "judge"):
                report.add(f"agent.{place}{name}.{measure}_less_alone", _paired(each, found[ALONE], measure))


def _paired(one: Found, other: Found, measure: str) -> Metric:
    """The mean difference on clips that both have."""
    songs, values = one.songs.get(measure, []), one.values.get(measure, [])
    beside = dict(zip(other.songs.get(measure, []), other.values.get(measure, []), strict=True))
    both = [(song, value - beside[song]) for song, value in zip(songs, values, strict=True) if song in beside]
    return mean_over_songs([song for song, _ in both], [away for _, away in both], baseline=0.0)


@dataclass(frozen=True)
class Listener:
    """The head that was learned from somebody's votes, who they truly are, and what was found for that head."""

    head: Head
    person: Callable[[Sequence[Piece]], Person]
    searched: Sequence[Piece]
    seconds: float


@dataclass(frozen=True)
class Stage:
    """Where agents are trained: the writer and what encodes for heads, one domain, and for how long."""

    composer: Composer
    writer: Writer
    space: TasteSpace
    domain: Domain
    preset: Preset

    def composed(self, listener: Listener, count: int, seed: int) -> dict[str, tuple[Sequence[Piece], float]]:
        """Clips of each method, and the processor seconds that they took."""
        reward = self.reward(listener)
        began = time.process_time()
        with tempfile.TemporaryDirectory() as place:
            training = AgentTraining(
                "listener", self.preset, self.writer, reward, Path(place), seed=seed, domains=[self.domain]
            )
            training.run()
        agent = agent_of(self.writer, training.adapter, AGENT)
        spent = time.process_time() - began
        n = 1 + self.preset.steps * self.preset.clips // count
        found: dict[str, tuple[Sequence[Piece], float]] = {SEARCH: (listener.searched, listener.seconds)}
        methods: dict[str, tuple[Compose, float]] = {
            ALONE: (plays(self.writer), 0.0),
            AGENT: (plays(agent), spent),
            BEST: (best_of(self.writer, reward, n), 0.0),
        }
        for name, (compose, before) in methods.items():
            began = time.process_time()
            pieces = compose(self.domain, count, seed)
            found[name] = (pieces, before + time.process_time() - began)
        return found

    def reward(self, listener: Listener) -> Offered:
        """What the listener's head says of clips that could be offered."""
        return Offered(HeadReward(listener.head, self.space, self.composer), self.composer.bundle.fingerprint)

    def for_listeners(self, report: Report, listeners: Sequence[Listener], *, count: int) -> None:
        """Add ``agent.head.METHOD.{reward,judge,wins,seconds}``; an agent is trained for every listener.

        reward: the head's utility. judge: the listener's true one, in standard deviations of their taste. wins: how
        often they prefer a clip to one that was searched for.
        """
        rows: dict[str, list[dict[str, float]]] = {}
        for number, listener in enumerate(listeners):
            head = self.reward(listener).reward
            for name, (pieces, seconds) in self.composed(listener, count, report.seed + number).items():
                someone = listener.person([*pieces, *listener.searched])
                mine, theirs = np.arange(len(pieces)), len(pieces) + np.arange(len(listener.searched))
                first, second = (each.ravel() for each in np.meshgrid(mine, theirs))
                rows.setdefault(name, []).append({
                    "reward": float(np.nanmean(head([Clip(piece) for piece in pieces]))),
                    "judge": float(someone.utility[mine].mean()) / UTILITY_SD,
                    "wins": 0.5 if name == SEARCH else float(someone.wins(first, second).mean()),
                    "seconds": seconds,
                })  # fmt: skip
        for name in (SEARCH, ALONE, BEST, AGENT):
            for measure in ("reward", "judge", "wins", "seconds"):
                figure = bootstrap([row[measure] for row in rows.get(name, [])])
                beside = report.metrics.get(f"agent.head.{SEARCH}.{measure}")
                report.add(
                    f"agent.head.{name}.{measure}",
                    Metric(figure.value, figure.low, figure.high, figure.n, beside.value if beside else None),
                )
