"""Networks that each learn from all folds but one, and how well their ratings order tracks.

Each track is rated by those that never heard it. The same sound is always in one fold, and every kind of p is in each.

Order is Spearman's correlation and the share of pairs, with intervals. Tracks are compared within a fold only, where
all were rated by one and the same model: across folds a mean that is lower where good tracks are held out would put
every pair the wrong way round. Intervals: bootstrap over tracks, where a pair weighs the product of how often its two
tracks were drawn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from scipy.stats import rankdata

from models.experiments.provenance import commit
from models.experiments.report import Metric
from models.experiments.run_log import RunLog
from models.music.files import replacing
from models.rating import synthetic
from models.rating.material import Augmentation, Excerpts, FeatureExcerpts, Material, PictureExcerpts
from models.rating.network import Ensemble, Judge, JudgeConfig, RatingNetwork, Trained, judged
from models.rating.plays import Counts
from models.rating.rater import (
    ABLATIONS,
    MEL_ABOUT,
    MEL_WEIGHTS,
    Heard,
    MelEnsemble,
    RatingBundle,
    save_bundle,
    save_mel,
)
from models.rating.synthetic import lone_chords
from models.rating.tagger import WINDOW, FeatureExtractor, Features, load_tagger
from models.rating.training import Member, Recipe, noise_pictures

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FOLDS = 5

DRAWS = 1000

RUN = "run.json"
LINES = "lines"  # of the log, in a finished network's file
JUDGED = 0  # the fold that the judge has not learned from


def folds_of(digests: Sequence[str], p: npt.ArrayLike, *, seed: int = 0, folds: int = FOLDS) -> npt.NDArray[np.int64]:
    """The fold of each track ``(tracks,)``: sounds sorted by p are dealt out like cards, ``folds`` at a time."""
    names, owner = np.unique(np.asarray(digests), return_inverse=True)
    values = np.bincount(owner, np.asarray(p, dtype=np.float64)) / np.bincount(owner)
    order = np.lexsort((names, values))
    rng = np.random.default_rng([seed, 7])
    fold = np.empty(len(names), dtype=np.int64)
    for start in range(0, len(order), folds):
        dealt = order[start : start + folds]
        fold[dealt] = rng.permutation(folds)[: len(dealt)]
    return np.asarray(fold[owner])


@dataclass(frozen=True)
class Order:
    """True values and folds ``(tracks,)``: what an ordering is judged by."""

    p: Floats
    fold: Ints
    seed: int = 0

    def pairs(self) -> tuple[Ints, Ints]:
        """The better and the worse track of each pair within a fold whose p differs, ``(pairs,)`` each."""
        better, worse = np.nonzero((self.p[:, None] > self.p) & (self.fold[:, None] == self.fold))
        return better, worse

    def drawn(self) -> Floats:
        """How often each track is drawn in each bootstrap sample, ``(DRAWS, tracks)``."""
        rng = np.random.default_rng([self.seed, 13])
        count = len(self.p)
        return np.array([np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(DRAWS)], float)

    def pair_accuracy(self, rated: Floats, *, than: Floats | None = None) -> Metric:
        """Share of pairs in the right order, half for a tie; ``than``: how much more than those ratings, paired."""
        better, worse = self.pairs()
        if len(better) == 0:
            return Metric(None)
        hits = _hits(rated, better, worse)
        if than is not None:
            hits = hits - _hits(than, better, worse)
        drawn = self.drawn()
        means = []
        for counts in drawn:
            weight = counts[better] * counts[worse]
            means.append(float((weight * hits).sum() / max(weight.sum(), 1.0)))
        low, high = np.quantile(means, [0.025, 0.975])
        chance = 0.5 if than is None else 0.0
        return Metric(float(hits.mean()), float(low), float(high), len(self.p), chance=chance)

    def spearman(self, rated: Floats) -> Metric:
        """Mean over folds of the rank correlation, weighted by tracks; 0 where all are rated the same."""
        if len(self.p) < 3:
            return Metric(None)
        rng = np.random.default_rng([self.seed, 13])
        members = [np.flatnonzero(self.fold == fold) for fold in np.unique(self.fold)]
        draws = []
        for _ in range(DRAWS // 2):
            rows = [each[rng.integers(len(each), size=len(each))] for each in members]
            draws.append(self._mean(rated, rows))
        low, high = np.quantile(draws, [0.025, 0.975])
        return Metric(self._mean(rated, members), float(low), float(high), len(self.p), chance=0.0)

    def _mean(self, rated: Floats, members: list[Ints]) -> float:
        found = [_spearman(self.p[rows], rated[rows]) for rows in members]
        return float(np.average(found, weights=[len(rows) for rows in members]))


def _hits(rated: Floats, better: Ints, worse: Ints) -> Floats:
    return (np.sign(rated[better] - rated[worse]) + 1) / 2


def _spearman(a: Floats, b: Floats) -> float:
    x, y = rankdata(a), rankdata(b)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


@dataclass(frozen=True)
class Planned:
    """A network that a run trains: its name, the fold that it leaves out, how, and its seed."""

    name: str
    fold: int
    recipe: Recipe
    seed: int

    def file(self, out: Path) -> Path:
        """Where it lies once it is trained."""
        return out / f"network-{self.name}.safetensors"


def evenly(rows: Counts, collection: Counts) -> Counts:
    """``rows``, those of a smaller collection so often that it has about as many as the largest one."""
    own = collection[rows]
    return np.repeat(rows, np.rint(np.bincount(own).max() / np.bincount(own)[own]).astype(np.int64))


def of_pictures(recipe: Recipe) -> Recipe:
    """The recipe of networks that see the log-mel picture, as the judge does: here augmentation helps."""
    return replace(recipe, config=JudgeConfig(), augmentation=Augmentation())


class CrossFit:
    """The networks of a run in the folder ``out``."""

    def __init__(self, material: Material, out: Path, preset: str, *, seed: int) -> None:
        self.material, self.out, self.preset, self.seed = material, out, preset, seed
        self.fold = folds_of(material.digests, material.p, seed=seed, folds=min(FOLDS, len(material.digests)))
        self.noises = noise_pictures(seed)
        self._drawn: dict[tuple[Augmentation, int, int], FeatureExcerpts] = {}
        tagger, self.tagger = load_tagger()
        self.extractor = FeatureExtractor(tagger)

    @cached_property
    def heard(self) -> list[Features]:
        """What the networks see of each whole track."""
        pictures = track(self.material.pictures, "tracks", console=Console(stderr=True))
        return [Ensemble(self.extractor, ()).heard(picture) for picture in pictures]

    def excerpts(self, recipe: Recipe) -> Excerpts:
        """Of the tracks and of noise, by ``recipe``; those that take long are kept for the next network."""
        pictures = [*self.material.pictures, *self.noises]
        if isinstance(recipe.config, JudgeConfig):
            return PictureExcerpts(pictures, recipe.augmentation, recipe.windows * WINDOW)
        said = (recipe.augmentation, recipe.windows, recipe.excerpts)
        if said not in self._drawn:
            about = " ".join([self.tagger, *self.material.digests])  # in this order
            self._drawn[said] = FeatureExcerpts.of(
                pictures, self.extractor, *said, seed=self.seed, kept=self.out, about=about
            )
        return self._drawn[said]

    def member(self, planned: Planned) -> Member:
        """A network that learns from all but one fold, and from each collection about equally often."""
        rows = evenly(np.flatnonzero(self.fold != planned.fold), self.material.plays.collection)
        return Member(self.material, rows, planned.recipe, self.excerpts(planned.recipe), planned.seed)

    def plan(self, recipe: Recipe, networks: int) -> list[Planned]:
        """``networks`` for each fold, and the judge."""
        seed = 1000 * self.seed
        found = [
            Planned(f"{fold}-{number}", fold, recipe, seed + 10 * fold + number)
            for fold in range(int(self.fold.max()) + 1)
            for number in range(networks)
        ]
        return [*found, Planned("judge", JUDGED, of_pictures(recipe), seed + 999)]

    def train(self, recipe: Recipe, networks: int, *, resume: bool) -> dict[str, Any]:
        """``networks`` a fold, the judge, and the bundle; what was found on tracks that each had not heard."""
        plan = self.plan(recipe, networks)
        config = {"recipe": asdict(recipe), "networks": networks, "data": self.material.hash,
                  "smooth": self.material.smooth, "seed": self.seed}  # fmt: skip
        at, lines = self._begun(config, plan) if resume else (0, 0)
        (self.out / RUN).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        if not resume:
            beside = [self.out / "bundle" / name for name in (MEL_ABOUT, MEL_WEIGHTS, ABLATIONS)]  # of other folds
            for old in [*self.out.glob("network-*.safetensors"), self.out / "state.safetensors", *beside]:
                old.unlink(missing_ok=True)
        members: list[Trained[RatingNetwork]] = []
        with RunLog(self.out / "log.jsonl", lines) as log:
            if not log.lines:
                log.write("run", what="rating", preset=self.preset, seed=self.seed, data=self.material.hash,
                          commit=commit(), steps=recipe.steps * len(plan), config=asdict(recipe.config))  # fmt: skip
            for place, planned in enumerate(track(plan, "networks", console=Console(stderr=True))):
                member = self.member(planned)
                done, state = planned.file(self.out), self.out / "state.safetensors"
                if place < at:
                    network = member.training.average
                    network.load_state_dict(load_file(done))
                else:
                    if place == at and state.exists():
                        member.training.resume(state)
                    network = member.run(planned.name, state, log)
                    state.unlink()  # first: the next network must never go on from it
                    with replacing(done) as part:
                        save_file(dict(network.state_dict()), part, {LINES: str(log.lines)})
                if isinstance(network, RatingNetwork):
                    members.append(Trained(network.eval(), member.scale, planned.fold))
                else:
                    judge = Trained(network.eval(), member.scale, planned.fold)
            found = self._bundle(members, judge, recipe)
            log.write("end", step=recipe.steps * len(plan), **found)
        return found

    def _begun(self, config: dict[str, Any], plan: list[Planned]) -> tuple[int, int]:
        """How many networks of ``plan`` are done, and how many lines of the log to keep."""
        path = self.out / RUN
        if json.loads(path.read_text(encoding="utf-8")) != json.loads(json.dumps(config)):
            raise ValueError("it has other data or another recipe; begin without --resume")
        done = [planned.file(self.out).exists() for planned in plan]
        at = done.index(False) if False in done else len(done)
        state = self.out / "state.safetensors"
        if at < len(done) and state.exists():
            return at, int(load_file(state)["count.lines"])
        if at == 0:
            return 0, 0
        with safe_open(plan[at - 1].file(self.out), "pt") as last:
            return at, int((last.metadata() or {}).get(LINES, 0))

    def _bundle(self, members: list[Trained[RatingNetwork]], judge: Trained[Judge], recipe: Recipe) -> dict[str, Any]:
        rated = self.held_out(members)
        apart = np.flatnonzero(self.fold == judge.fold)
        by_judge = judged(judge, [self.material.pictures[row] for row in apart])
        agreed = Order(self.material.p[apart], self.fold[apart], self.seed).pair_accuracy(by_judge).value
        error = float(np.sqrt(np.mean((rated - self.material.p) ** 2)))
        order = Order(self.material.p, self.fold, self.seed)
        figures = {
            "pairs": order.pair_accuracy(rated).value,
            "spearman": order.spearman(rated).value,
            "error": error,
            "judge_pairs": agreed,
        }
        card = {
            "name": f"rating-{self.preset}", "preset": self.preset, "seed": self.seed,
            "steps": recipe.steps, "smooth": self.material.smooth,
            "config": asdict(members[0].network.config), "judge": asdict(judge.network.config), "tagger": self.tagger,
            "data": {"hash": self.material.hash, "tracks": len(self.material.digests)},
            "validation": {**figures, "predicted": [round(float(each), 4) for each in np.sort(rated)]},
        }  # fmt: skip
        folds = dict(zip(self.material.digests, self.fold.tolist(), strict=True))
        heard = Heard.of(
            [*self.material.pictures, *synthetic.piano_pictures()], lone_chords(synthetic.EACH), seed=self.seed
        )
        save_bundle(self.out / "bundle", members, judge, card, heard=heard, folds=folds)
        return figures

    def held_out(self, members: list[Trained[RatingNetwork]]) -> Floats:
        """p of each track by the members that have not learned from it, ``(tracks,)``."""
        own = np.array([one.fold for one in members])[:, None] == self.fold
        found = Ensemble(self.extractor, tuple(members)).each(self.heard)
        return np.asarray((found * own).sum(axis=0) / own.sum(axis=0))

    def mel(self, bundle: RatingBundle, recipe: Recipe) -> dict[str, Any]:
        """One network a fold on the picture alone, saved beside ``bundle``; how well they order unheard tracks."""
        digests, order = self.material.digests, Order(self.material.p, self.fold, self.seed)
        if [bundle.folds.get(digest) for digest in digests] != self.fold.tolist():
            raise ValueError(f"{bundle.version} was trained on other tracks, or with another seed")
        members: list[Trained[Judge]] = []
        for fold in track(range(int(self.fold.max()) + 1), "networks", console=Console(stderr=True)):
            planned = Planned(f"mel-{fold}", fold, of_pictures(recipe), 1000 * self.seed + 500 + fold)
            member = self.member(planned)
            network = member.run(planned.name, None, None).eval()
            if isinstance(network, Judge):
                members.append(Trained(network, member.scale, fold))
        rated = MelEnsemble(tuple(members), {}).rate(self.material.pictures, self.fold)
        found = {
            "pairs": order.pair_accuracy(rated).value, "spearman": order.spearman(rated).value,
            "error": float(np.sqrt(np.mean((rated - self.material.p) ** 2))),
        }  # fmt: skip
        about = {
            "rating": bundle.version, "preset": self.preset, "steps": recipe.steps, "seed": self.seed,
            "data": {"hash": self.material.hash, "tracks": len(digests)},
            "validation": {**found, "predicted": [round(float(each), 4) for each in np.sort(rated)]},
        }  # fmt: skip
        save_mel(bundle.folder, members, about)
        return found

    def ablate(self, name: str, recipe: Recipe) -> dict[str, Any]:
        """One network a fold by ``recipe``; what it rates the tracks it has not heard is kept beside the bundle."""
        members = []
        for planned in track(self.plan(recipe, 1)[:-1], name, console=Console(stderr=True)):
            member = self.member(planned)
            network = member.run(name, None, None).eval()
            if isinstance(network, RatingNetwork):
                members.append(Trained(network, member.scale, planned.fold))
        rated = self.held_out(members)
        path = self.out / "bundle" / ABLATIONS
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        kept[name] = {digest: round(float(p), 5) for digest, p in zip(self.material.digests, rated, strict=True)}
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(kept) + "\n", encoding="utf-8")
        order = Order(self.material.p, self.fold, self.seed)
        return {"pairs": order.pair_accuracy(rated).value, "spearman": order.spearman(rated).value}
