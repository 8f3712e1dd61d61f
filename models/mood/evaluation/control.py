"""How well music can be moved to a mood: hand-written rules against search by the first judge, and steering by both.

The second judge, which no search has met, says whether it worked. What it costs: a classifier that tells the results
from real music, and how far everything moved that has no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from models.experiments.report import Metric, Report, mean_over_songs, over_songs
from models.metrics import music_statistics as ms
from models.metrics.two_sample import FOLDS, two_sample_test
from models.mood.checkpoint import MoodBundle
from models.mood.evaluation.judge import CHANCE, right
from models.mood.labels import AROUSAL, QUADRANTS, VALENCE, Labelled
from models.mood.quantised import QuantisedElements
from models.mood.rules import rules
from models.mood.search import chances, climbed
from models.mood.steering import Version, nearest, versions
from models.music.notes import Piece
from models.style.compose import Composer
from models.style.drafts import Draft

Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Method = Callable[[Sequence[int], int], Piece]

TOGETHER = 16  # drafts from which the best is taken
TOLD = (4, 16)  # pieces that are written for a mood, from which the best is taken
CLIMBS = 32  # turns of a dial that the judge is asked about
WITHOUT_RULE = ("onsets_per_bar", "notes_per_onset", "contour", "leap")


@dataclass(frozen=True)
class Composed:
    """Drafts, what is ``heard`` of each, and the composer that decodes versions of them.

    ``told``: what is heard of drafts that were written for each quadrant, as many as can be asked for; none where the
    piece model knows of no moods. ``quantised``: what the composer's latents are in real music of each.
    """

    composer: Composer
    drafts: Sequence[Draft]
    heard: Sequence[Piece]
    told: Sequence[Sequence[Piece]] = ()
    quantised: QuantisedElements | None = None

    def decoded(self, row: int, ways: Sequence[Version], donors: Sequence[int], seed: int) -> list[Piece]:
        """What versions of the draft in a row sound like; ``donors``: the rows that they name by their places."""
        own = self.drafts[row].latents
        plans = []
        for way in ways:
            lent = {} if way.donor is None else dict.fromkeys(way.groups, self.drafts[donors[way.donor]].latents)
            content = own if way.dials is None else self.composer.encode(way.dials.turned(self.heard[row]))
            domain = own.piece["domain"]
            plans.append(self.composer.plan(domain=domain, content=content, styles=lent, bars=own.bars, seed=seed))
        return self.composer.compose(plans)

    def in_codes(self, elements: QuantisedElements, rows: Sequence[int], quadrant: int, seed: int) -> list[Piece]:
        """What drafts sound like in the codes of a quadrant."""
        plans = []
        for row in rows:
            own = self.drafts[row].latents
            moved = elements.moved(own, quadrant)
            lent = dict.fromkeys(elements.books, moved)
            plans.append(
                self.composer.plan(domain=own.piece["domain"], content=own, styles=lent, bars=own.bars, seed=seed)
            )
        return self.composer.compose(plans)


def methods(bundle: MoodBundle, composed: Composed, seed: int) -> dict[str, Method]:
    """Each makes one piece of a quadrant from the drafts in some rows; what it may compute stands in its name.

    ``plain`` does nothing, ``rules`` and ``climb`` change the first draft, ``best_of_K`` chooses among K. ``steered``
    decodes versions of the first draft, for which the others lend styles. ``told`` has the piece model write for the
    quadrant (its label alone), ``told_best_of_K`` chooses among K of these. ``quantised`` decodes the first draft with
    its elements in the codes of the quadrant, ``quantised_best_of_4`` chooses among four drafts so.
    """
    heard, rng = composed.heard, np.random.default_rng(seed)

    def best(pieces: Sequence[Piece], quadrant: int) -> Piece:
        return pieces[int(chances(bundle.first, pieces, quadrant).argmax())]

    def steered(rows: Sequence[int], quadrant: int) -> Piece:
        donors = list(rows[1:])
        target = [VALENCE[quadrant], AROUSAL[quadrant]]
        ways = versions(target, _said(bundle, [heard[row] for row in donors]))
        made = composed.decoded(rows[0], ways, donors, seed)
        return made[nearest(target, _said(bundle, made))]

    def written(rows: Sequence[int], quadrant: int) -> Sequence[Piece]:
        first = min(rows) // TOGETHER * max(TOLD)
        return composed.told[quadrant][first : first + max(TOLD)]

    def best_written(count: int, rows: Sequence[int], quadrant: int) -> Piece:
        return best(written(rows, quadrant)[:count], quadrant)

    found: dict[str, Method] = {
        "plain": lambda rows, _: heard[rows[0]],
        "rules": lambda rows, quadrant: rules(quadrant).turned(heard[rows[0]]),
        "climb": lambda rows, quadrant: climbed(bundle.first, heard[rows[0]], quadrant, CLIMBS, rng),
        "best_of_4": lambda rows, quadrant: best([heard[row] for row in rows[:4]], quadrant),
        "best_of_16": lambda rows, quadrant: best([heard[row] for row in rows], quadrant),
        "rules_best_of_16": lambda rows, quadrant: best([rules(quadrant).turned(heard[row]) for row in rows], quadrant),
        "steered": steered,
    }
    if (elements := composed.quantised) is not None:
        found |= {
            "quantised": lambda rows, quadrant: composed.in_codes(elements, rows[:1], quadrant, seed)[0],
            "quantised_best_of_4": lambda rows, quadrant: best(
                composed.in_codes(elements, rows[:4], quadrant, seed), quadrant
            ),
        }
    if composed.told:
        found["told"] = lambda rows, quadrant: written(rows, quadrant)[0]
        found |= {f"told_best_of_{count}": partial(best_written, count) for count in TOLD}
    return found


def _said(bundle: MoodBundle, pieces: Sequence[Piece]) -> Floats:
    """Valence and arousal ``(pieces, 2)`` by the first judge."""
    moods = bundle.first.judge(pieces)
    return np.stack([moods.valence, moods.arousal], 1)


def control(report: Report, bundle: MoodBundle, composed: Composed, real: Sequence[Piece]) -> None:
    """Every method on every group of ``TOGETHER`` drafts and every quadrant; adds ``mood.control.*``.

    ``first.quadrant`` is what the judge says that was searched by; the baseline of the others is the drafts as they
    were, and their interval is over groups of drafts. ``drift`` is in standard deviations of the drafts: how far a
    changed draft moved in what has no rule, or how far the mean of chosen drafts lies from that of all.
    """
    heard = composed.heard
    groups = [range(start, start + TOGETHER) for start in range(0, len(heard) - TOGETHER + 1, TOGETHER)]
    wanted = [(number, quadrant) for number in range(len(groups)) for quadrant in range(len(QUADRANTS))]
    asked = np.array([quadrant for _, quadrant in wanted], dtype=np.int64)
    songs = tuple(f"drafts {number}" for number, _ in wanted)
    spread = _without_rule(heard).std(0) + 1e-9
    base: dict[str, float] = {}
    plain = _without_rule([heard[_turned(groups[number], quadrant)[0]] for number, quadrant in wanted])
    for name, method in methods(bundle, composed, report.seed).items():
        made = [
            method(_turned(groups[number], quadrant), quadrant)
            for number, quadrant in track(wanted, name, console=Console(stderr=True))
        ]
        labelled = Labelled(tuple(made), songs, VALENCE[asked], AROUSAL[asked])
        second = right(labelled, bundle.second.judge(made))
        for figure, values in second.items():
            key = f"mood.control.{name}.{figure}"
            base.setdefault(figure, float(values.mean()))
            report.add(key, mean_over_songs(songs, values, baseline=base[figure], chance=CHANCE[figure]))
        first = right(labelled, bundle.first.judge(made))["quadrant"]
        report.add(f"mood.control.{name}.first.quadrant", mean_over_songs(songs, first, chance=CHANCE["quadrant"]))
        report.add(f"mood.control.{name}.two_sample", _told_apart(made, songs, real))
        if name in {"rules", "climb", "steered", "quantised"}:
            moved = np.abs(_without_rule(made) - plain) / spread
            report.add(f"mood.control.{name}.drift", mean_over_songs(songs, moved.mean(1)))
        else:
            apart = partial(_shift, _without_rule(made), asked, _without_rule(heard).mean(0), spread)
            report.add(f"mood.control.{name}.drift", over_songs(songs, apart, seed=report.seed))


def _turned(group: Sequence[int], quadrant: int) -> Sequence[int]:
    """Rows of drafts in an order that begins with others for each quadrant."""
    first = quadrant * len(group) // len(QUADRANTS)
    return [*group[first:], *group[:first]]


def _told_apart(made: Sequence[Piece], songs: Sequence[str], real: Sequence[Piece]) -> Metric:
    """How often a classifier says rightly which of as many real and made pieces is which."""
    many = min(len(made), len(real))
    rows = np.unique(np.linspace(0, len(made) - 1, many).astype(int))
    some, whose = [made[row] for row in rows], [songs[row] for row in rows]
    names = [*whose, *(f"real {row}" for row in range(len(rows)))]
    if len(set(whose)) < FOLDS:
        return Metric(None, chance=0.5)
    return mean_over_songs(names, two_sample_test(some, real[: len(rows)], names), chance=0.5)


def _without_rule(pieces: Sequence[Piece]) -> Floats:
    """What no rule is about, ``(pieces, 4)``."""
    found = [ms.attributes(piece) for piece in pieces]
    return np.array([[each[name] for name in WITHOUT_RULE] for each in found])


def _shift(values: Floats, asked: IntArray, usual: Floats, spread: Floats, rows: IntArray) -> float:
    """How far the mean of each quadrant's pieces lies from that of all drafts, in their standard deviations."""
    apart = [
        np.abs(values[rows][asked[rows] == quadrant].mean(0) - usual) / spread for quadrant in np.unique(asked[rows])
    ]
    return float(np.mean(apart))
