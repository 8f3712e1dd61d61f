"""How far a wish for a mood goes: ``python -m models.evaluate.mood_wishes [--limit N] [--seed N]``.

Among the drafts that come with the weights, heads drawn from the prior choose as the page does, for each mood and
several weights of its cost: three of all drafts (``drafts``), or the first of the openings (``openings``). Once the
first judge alone is asked and the second says whether it worked, which nobody searched by (``first``); once both are,
as on the page (``both``). ``liked``: the share of the domain's drafts, or openings, that the head likes less than what
was chosen.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.experiments.arguments import positive_int
from models.experiments.report import Report, mean_over_songs
from models.mood.judge import Moods, load_mood
from models.mood.labels import quadrant_of
from models.mood.liking import MOODS, WEIGHT, MoodName, cost
from models.music.notes import DOMAINS
from models.style.checkpoint import style_argument
from models.style.drafts import first_drafts
from models.taste.evaluation.gifts import space_of
from models.taste.head import Head
from models.taste.search import CAREFUL, SEARCHED, Candidates, pick, scores
from models.taste.space import TasteSpace

Floats = npt.NDArray[np.float64]

HEADS = 24
KNOWN = 0.1  # of the prior's variance that a head still has
WEIGHTS = (0.0, 1.0, 1.5, WEIGHT, 3.0)
COUNT = {"drafts": 3, "openings": 1}  # that are chosen


@dataclass(frozen=True)
class Shelf:
    """What is chosen from: ``features`` ``(N, F)`` and moods ``(N, 2)``, by who is ``asked``; the ``second`` checks."""

    features: Floats
    asked: dict[str, Floats]
    second: Floats

    def chosen(self, places: npt.NDArray[np.bool_]) -> Shelf:
        """Those at some places."""
        return Shelf(
            self.features[places], {who: heard[places] for who, heard in self.asked.items()}, self.second[places]
        )


def heads(space: TasteSpace, count: int, seed: int) -> list[Head]:
    """Listeners as the prior expects them, each known rather well."""
    rng = np.random.default_rng(seed)
    tastes = rng.multivariate_normal(space.prior_mean, space.prior_covariance, count)
    return [Head.of(taste, KNOWN * space.prior_covariance, space.version) for taste in tastes]


def choose(shelf: Shelf, head: Head, mood: MoodName, *, who: str, weight: float, count: int) -> tuple[float, float]:
    """The share of what is chosen that the second judge hears in the mood, and how far it is liked, 0 to 1."""
    score = scores(head, shelf.features, CAREFUL)
    liked = np.argsort(-score, kind="stable")[:SEARCHED]
    lost = cost(shelf.asked[who][liked], mood, weight)
    best = liked[pick(head, shelf.features[liked], count, cost=lost)]
    right = quadrant_of(*shelf.second[best].T) == MOODS.index(mood)
    return float(right.mean()), float((score[:, None] < score[best]).mean())


def fill(report: Report, name: str, shelf: Shelf, people: list[Head], count: int) -> None:
    """Figures of one shelf, for each of who is asked and each weight."""
    for who in shelf.asked:
        for weight in WEIGHTS:
            rows = [
                (str(number), *choose(shelf, head, mood, who=who, weight=weight, count=count))
                for number, head in enumerate(people)
                for mood in MOODS
            ]
            listeners, right, liked = zip(*rows, strict=True)
            begin = f"mood.wish.{name}.{who}.{weight:g}"
            report.add(f"{begin}.quadrant", mean_over_songs(listeners, right, chance=1 / len(MOODS)))
            report.add(f"{begin}.liked", mean_over_songs(listeners, liked, chance=0.5))


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.mood_wishes", description=__doc__.split("\n")[0])
    parser.add_argument("--limit", type=positive_int, default=HEADS, help=f"heads ({HEADS})")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    bundle, judges = style_argument("default"), load_mood()
    space = space_of(bundle)
    people = heads(space, given.limit, given.seed)
    report = Report("evaluate.mood_wishes", {"n": 0}, {"version": judges.version, "style": bundle.version}, given.seed)
    for domain in DOMAINS:
        drafts = [draft for draft in first_drafts(domain, bundle.version) if draft.notes is not None]
        pieces = [draft.notes for draft in drafts if draft.notes is not None]
        first, second = judges.first.judge(pieces), judges.second.judge(pieces)
        asked = {"first": _places(first), "both": _places(Moods.mean([first, second]))}
        features = space.with_distances(Candidates.of(space, [draft.latents for draft in drafts]).lines)
        shelf = Shelf(features, asked, _places(second))
        opening = np.array([draft.opens for draft in drafts])
        for kind, part in (("drafts", shelf), ("openings", shelf.chosen(opening))):
            fill(report, f"{domain}.{kind}", part, people, COUNT[kind])
        report.data = {"n": report.data["n"] + len(drafts)}
    report.print()


def _places(moods: Moods) -> Floats:
    return np.stack([moods.valence, moods.arousal], axis=1)


if __name__ == "__main__":
    main()
