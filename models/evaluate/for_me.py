"""Whether "compose for me" works: ``python -m models.evaluate.for_me [--limit N] [--listeners N] [--seed N]``.

Simulated listeners of six kinds (``models.taste.simulated_people``) who share a part of their taste, as real listeners
do: ``SHARED`` of its variance. A study of them gives the population and the average listener. Then others vote on the
pairs that the page would offer, and clips are composed as the page composes them, by the same search of as large a bank
of drafts from nothing (or, with ``--bank 0``, of ``SEARCHED`` made for each listener): for the listener after 6
and after 60 votes, for the average listener, and with all that the features can say of the listener's true taste (the
ceiling). Beside them stand the best of ``SEARCHED`` drafts by the head that a newcomer begins with, and drafts as they
come ("prior"). A listener's utility is a function of what the notes are, not of latents. Quality is
told by the figures of ``models.evaluate.style``, beside the draws'.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track

from models.experiments.arguments import exit_without_music, positive_int
from models.experiments.report import Metric, Report, mean_over_songs
from models.metrics import music_statistics as ms
from models.metrics.intervals import bootstrap, finite_mean
from models.metrics.two_sample import FOLDS, two_sample_test
from models.music.notes import Domain, MusicError, Piece
from models.style.arguments import MODEL_HELP, style_argument
from models.style.compose import Composer
from models.style.drafting import draft_many
from models.style.drafts import Draft, drafts_of
from models.style.evaluation.clips import choose_clips, held_out_pieces
from models.style.screen import rejection_reason
from models.style.windows import make_windows
from models.taste.evaluation.pool import POOL, Pool, compose, composed_pool, space_of
from models.taste.head import Head
from models.taste.hierarchy import Evidence, PopulationPrior, average, learn
from models.taste.policy import Mixture
from models.taste.search import SEARCHED, Candidates, best_latents, pick
from models.taste.simulated_listener import RANDOM, new_head
from models.taste.simulated_people import KINDS, Person, Taste, listen, person_of, taste
from models.taste.space import TasteSpace
from models.taste.space_fitting import attribute_row

FloatArray = npt.NDArray[np.float64]

DOMAIN: Domain = "pop"
# Of the variance of taste: .44 of 200 raters', .35 of 366 likers' (taste.variance.common_share of evaluate.taste).
SHARED = 0.4
LISTENERS, VOTES_EACH = 60, 40
EACH = 12  # listeners of each kind
AT = (6, 60)  # votes
BANK = 2048  # draws, as many as the page keeps of a domain
CLIPS = 3  # of each side, as many as a job composes
SURE = 1e-4  # variance of the weights of a head that knows
WANTED = {("60", "average"): 0.66, ("60", "best_draw"): 0.66, ("6", "prior"): 0.6}
SHARES = ("density", "leap")  # whose change is told as a share
MEASURES: dict[str, Callable[[Piece], float]] = {
    "in_key": ms.in_key,
    "repeats": ms.repeats,
    "density": ms.density,
    "bar_similarity": ms.bar_similarity,
    "leap": ms.leap,
}


@dataclass(frozen=True)
class Mind:
    """A listener's whole taste: what everybody loves, and what is their own."""

    kind: str
    common: Taste
    own: Taste

    @classmethod
    def draw(cls, kind: str, common: Taste, attributes: FloatArray, generator: np.random.Generator) -> Mind:
        """Somebody of this kind."""
        return cls(kind, common, taste(kind, attributes, generator))

    def person(self, attributes: npt.ArrayLike) -> Person:
        """The listener before clips with ``attributes`` ``(N, A)``."""
        loved = np.sqrt(SHARED) * self.common.of(attributes) + np.sqrt(1 - SHARED) * self.own.of(attributes)
        return person_of(self.kind, loved)


@dataclass(frozen=True)
class Composed:
    """The clips that one listener met, by side, and the processor time until latents for a head were found."""

    mind: Mind
    pieces: dict[str, list[Piece]]
    seconds: float

    def wins(self, mine: str, theirs: str) -> float:
        """How often the listener prefers a clip of one side to one of the other; 0.5 where a side has none."""
        one, two = self.pieces[mine], self.pieces[theirs]
        if not one or not two:
            return 0.5
        someone = self.mind.person([attribute_row(piece) for piece in (*one, *two)])
        first, second = np.divmod(np.arange(len(one) * len(two)), len(two))
        return float(someone.wins(first, second + len(one)).mean())


@dataclass(frozen=True)
class Searched:
    """Drafts to search among, and the readouts of their latents."""

    drafts: Sequence[Draft]
    candidates: Candidates

    @classmethod
    def of(cls, space: TasteSpace, drafts: Sequence[Draft]) -> Searched:
        """These drafts."""
        return cls(drafts, Candidates.of(space, [each.latents for each in drafts]))


@dataclass(frozen=True)
class House:
    """What composing needs, and the two heads that know nothing of the listener: a newcomer's and the average's."""

    composer: Composer
    space: TasteSpace
    pool: Pool
    newcomer: Head
    average: Head
    bank: Searched | None = None

    def listened(self, mind: Mind, seed: int) -> dict[int, Head]:
        """The listener's head after each number of votes of ``AT``."""
        page = listen(
            mind.person(self.pool.attributes), self.newcomer, self.pool.features, np.arange(len(self.pool.features)),
            mixture=Mixture(composed=0), seed=seed, styles=self.space.together,
        )  # fmt: skip
        heads = list(islice(page, max(AT)))
        return {votes: heads[votes - 1] for votes in AT}

    def knowing(self, mind: Mind) -> Head:
        """A head that holds all that is linear in the features of the true taste."""
        x, utility = self.pool.features, mind.person(self.pool.attributes).utility
        weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ utility)
        return Head.of(weights, SURE * np.eye(len(weights)), self.space.version)

    def compose(self, mind: Mind, seed: int) -> Composed:
        """Listen, search and decode for every side."""
        begun = time.process_time()
        among = self.bank or Searched.of(self.space, draft_many(self.composer, DOMAIN, SEARCHED, seed))
        drawing = time.process_time() - begun
        sides = {f"{votes}": head for votes, head in self.listened(mind, seed).items()}
        sides |= {"average": self.average, "knowing": self.knowing(mind)}
        begun = time.process_time()
        found = {
            name: drafts_of(
                [each.latents for each in best_latents(head, self.space, among.candidates, 2 * CLIPS)], among.drafts
            )
            for name, head in sides.items()
        }
        searching = (time.process_time() - begun) / len(sides)
        # Of a bank, too, as many as anybody would draw and choose from.
        some = np.random.default_rng(seed).permutation(len(among.drafts))[:SEARCHED].tolist()
        lines = among.candidates.chosen(some).lines
        best = pick(self.newcomer, self.space.with_distances(lines), 2 * CLIPS)
        found["best_draw"] = [among.drafts[some[i]] for i in best]
        found["prior"] = [among.drafts[i] for i in some[: 2 * CLIPS]]
        pieces = {name: self.played(drafts, seed) for name, drafts in found.items()}
        return Composed(mind, pieces, drawing + searching)

    def played(self, drafts: Sequence[Draft], seed: int) -> list[Piece]:
        """The first ``CLIPS`` that can be offered."""
        kept: list[Piece] = []
        while drafts and len(kept) < CLIPS:
            now, drafts = drafts[: CLIPS - len(kept)], drafts[CLIPS - len(kept) :]
            made = compose(self.composer, DOMAIN, now, seed + len(drafts))
            fingerprint = self.composer.bundle.fingerprint
            kept += [piece for piece in made if rejection_reason(piece, fingerprint) is None]
        return kept


def opened(composer: Composer, space: TasteSpace, pool: Pool, *, listeners: int, seed: int) -> tuple[House, Taste]:
    """The house after a study of so many listeners, who voted on random pairs, and what they have in common."""
    common = taste("linear", pool.attributes, np.random.default_rng([seed, 0]))
    fixed, evidence = new_head(space), []
    everything = np.arange(len(pool.features))
    for number in track(range(listeners), "a study", console=Console(stderr=True)):
        mind = Mind.draw(KINDS[number % len(KINDS)], common, pool.attributes, np.random.default_rng([seed, 1, number]))
        someone = mind.person(pool.attributes)
        heads = listen(someone, fixed, pool.features, everything, mixture=RANDOM, seed=seed + number)
        *_, head = islice(heads, VOTES_EACH)
        evidence.append(Evidence.of(head, fixed))
    prior = PopulationPrior.fixed(fixed)
    population = learn(evidence, prior)
    return House(composer, space, pool, population.newcomer(), average(evidence, population, prior)), common


def everybody(house: House, common: Taste, each: int, seed: int) -> list[Composed]:
    """What ``each`` listeners of every kind met."""
    tasks = [(kind, number) for number in range(each) for kind in range(len(KINDS))]
    found = []
    for kind, number in track(tasks, "composing", console=Console(stderr=True)):
        generator = np.random.default_rng([seed, 2, kind, number])
        mind = Mind.draw(KINDS[kind], common, house.pool.attributes, generator)
        found.append(house.compose(mind, 1_000_000 * (seed + 1) + 1_000 * kind + number))
    return found


def wins(report: Report, found: Sequence[Composed]) -> None:
    """How often clips for the listener are preferred, over all listeners and by kind."""
    pairs = [(f"{votes}", rival) for votes in AT for rival in ("average", "best_draw", "prior")]
    pairs += [("knowing", "average"), ("knowing", "best_draw"), ("average", "prior")]
    for mine, theirs in pairs:
        won = np.array([one.wins(mine, theirs) for one in found])
        report.add(f"for_me.{mine}_vs_{theirs}", _mean(won, chance=0.5, reference=WANTED.get((mine, theirs))))
    for kind in KINDS:
        some = [one for one in found if one.mind.kind == kind]
        for mine, theirs in WANTED:
            won = np.array([one.wins(mine, theirs) for one in some])
            report.add(f"for_me.{kind}.{mine}_vs_{theirs}", _mean(won, chance=0.5))


def quality(report: Report, found: Sequence[Composed], real: Sequence[Piece], songs: Sequence[str]) -> None:
    """What clips for a listener after the most votes are like (``value``) beside what the prior draws (``baseline``).

    ``gap`` is the difference of the two within a listener, of density and leap as a share. Where there are ``real``
    clips of ``songs``, how far onsets lie from theirs and how often they are told from them stand there too.
    """
    mine, drawn = ([one.pieces[side] for one in found] for side in (f"{max(AT)}", "prior"))
    for name, measure in MEASURES.items():
        values, beside = ([finite_mean([measure(p) for p in pieces]) for pieces in side] for side in (mine, drawn))
        baseline = finite_mean(beside)
        report.add(f"for_me.quality.{name}", _mean(np.array(values), baseline=baseline))
        scale = baseline if name in SHARES else 1.0
        report.add(f"for_me.quality.{name}.gap", _mean((np.array(values) - np.array(beside)) / scale, baseline=0.0))
    ours, theirs = ([piece for pieces in side for piece in pieces] for side in (mine, drawn))
    if min(len(ours), len(theirs), len(set(songs))) < 2 * FOLDS:
        return
    onsets = [float(np.abs(ms.onset_histogram(p) - ms.onset_histogram(real)).sum() / 2) for p in (ours, theirs)]
    report.add("for_me.quality.onset_distance", Metric(onsets[0], n=len(ours), baseline=onsets[1]))
    told = []
    for side in (mine, drawn):
        owners = [f"listener {number}" for number, pieces in enumerate(side) for _ in pieces]
        right = two_sample_test(real, [piece for pieces in side for piece in pieces], [*songs, *owners])
        told.append(mean_over_songs([*songs, *owners], right, chance=0.5))
    report.add("for_me.quality.two_sample", replace(told[0], baseline=told[1].value))


def real_music(composer: Composer, data: Path | None) -> list[Piece]:
    """What was never trained on; none where no corpus is there. Ends the command where ``data`` holds no music."""
    if data is not None:
        with exit_without_music():
            return held_out_pieces(data, composer.bundle.folder)
    try:
        return held_out_pieces(None, composer.bundle.folder)
    except MusicError:
        return []


def real_clips(music: list[Piece], count: int, seed: int) -> tuple[list[Piece], list[str]]:
    """Clips of the domain and their songs; none where there is no such music."""
    try:
        clips = choose_clips(make_windows(music), 2 * count, seed)
    except MusicError:
        return [], []
    rows = clips.of(DOMAIN)[:count]
    return [clips.pieces[row] for row in rows], [clips.songs[row] for row in rows]


def _mean(
    values: FloatArray, *, baseline: float | None = None, chance: float | None = None, reference: float | None = None
) -> Metric:
    figure = bootstrap(values[np.isfinite(values)])
    return Metric(figure.value, figure.low, figure.high, figure.n, baseline, chance, reference)


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.for_me", description=__doc__)
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files: real clips to tell composed ones from")
    parser.add_argument("--clips", type=int, default=POOL, help="in the pool")
    parser.add_argument("--listeners", type=positive_int, default=LISTENERS, help="of the study")
    parser.add_argument("--limit", type=positive_int, default=EACH, help="listeners of each kind")
    parser.add_argument("--bank", type=int, default=BANK, help="draws to search; 0 draws anew for every listener")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    composer = Composer(style_argument(arguments.model))
    music = real_music(composer, arguments.data)
    space = space_of(composer.bundle)
    pool = composed_pool(composer, space, DOMAIN, arguments.clips, arguments.seed)
    house, common = opened(composer, space, pool, listeners=arguments.listeners, seed=arguments.seed)
    if arguments.bank:
        drafts = draft_many(composer, DOMAIN, arguments.bank, 1_000_000 * (arguments.seed + 1) - 1)
        house = replace(house, bank=Searched.of(space, drafts))
    found = everybody(house, common, arguments.limit, arguments.seed)
    report = Report(
        "evaluate.for_me",
        {"hash": pool.hash, "n": len(found)},
        {"version": composer.version, "sha256": composer.bundle.card.get("sha256")},
        arguments.seed,
    )
    wins(report, found)
    report.add("for_me.seconds", _mean(np.array([one.seconds for one in found])))
    count = sum(len(one.pieces["prior"]) for one in found)
    quality(report, found, *real_clips(music, count, arguments.seed))
    report.print()


if __name__ == "__main__":
    main()
