"""Agents that play for simulated listeners, judged by what these truly love: beside searches for the same head."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.experiments.report import Metric, Report
from models.metrics.intervals import bootstrap
from models.music.notes import Domain, Piece
from models.rating.agent.checkpoint import agent_of
from models.rating.agent.reward import Clip, HeadReward, Offered
from models.rating.agent.training import AgentTraining, Preset
from models.rating.evaluation.agent import ALONE, BEST, Compose, best_of, plays
from models.style.compose import Composer
from models.style.pieces.sampling import Writer
from models.taste.head import Head
from models.taste.simulated_people import UTILITY_SD, Person
from models.taste.space import TasteSpace

AGENT, SEARCH = "agent", "search"


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
