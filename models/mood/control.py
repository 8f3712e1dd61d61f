"""How well music can be moved to a mood: by rules, search, quantised elements, steering, and by swapping styles.

Hand-written rules stand against search by the first judge, and steering by both. The second judge, which no search has
met, says whether it worked. What it costs: a classifier that tells the results from real music, and how far everything
moved that has no rule. Real music is mostly happy, so the classifier also meets real clips that are surely of the
quadrants that were asked for. Search takes the best of many clips, or small turns of the rules' dials.

Quantised elements are the form of MusER (Ji & Yang, "MusER", AAAI 2024): a rival of steering. There, latents are
quantised, some of their dimensions tied to each musical element, and codes are drawn by emotion. Here the style model
has groups of latents that are tied to elements; each is quantised by a codebook of its own, and a clip's bars get the
codes that are near theirs and that clips of the mood have more often than others.

Transfer says which element carries a mood: one style of a clip in another quadrant is put onto a clip, and both are
judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from sklearn.cluster import KMeans

from models.experiments.report import Metric, Report, mean_over_songs, over_songs, ratio_over_songs
from models.metrics import music_statistics as ms
from models.metrics.two_sample import FOLDS, two_sample_test
from models.mood.judge import Judge, MoodBundle
from models.mood.labels import AROUSAL, QUADRANTS, VALENCE, Labelled
from models.mood.steering import Dials, Version, nearest, rules, versions
from models.mood.training import CHANCE, right
from models.music.notes import Piece
from models.style.compose import Composer
from models.style.drafts import Draft
from models.style.evaluation.clips import Clips, Excerpts, compose_all
from models.style.latents import STYLE_GROUPS, Latents

Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Method = Callable[[Sequence[int], int], Sequence[Piece]]

TEMPO_STEP, SEMITONES, VELOCITY_STEP = 0.15, 3, 10
VELOCITIES, TEMPI, REGISTER = (40, 100), (0.6, 1.7), 12  # how far the dials go

CODES = 32  # of a group
FEW = 5.0  # bars of no mood in particular that each code is counted with
OF_A_SONG = 2  # real clips of a quadrant, at most
LEAST = 1e-6  # squared distance, where the bars have no more values than there are codes
PULL = 2.0  # usual squared distances to the nearest code that a factor of e in how often a mood has a code is worth

TOGETHER = 16  # drafts from which the best is taken
TOLD = (4, 16)  # pieces that are written for a mood, from which the best is taken
CLIMBS = 32  # turns of a dial that the judge is asked about
WITHOUT_RULE = ("onsets_per_bar", "notes_per_onset", "contour", "leap")

ALL = "all"


def chances(judge: Judge, pieces: Sequence[Piece], quadrant: int) -> Floats:
    """How likely a judge holds each piece to be in a quadrant, ``(pieces,)``."""
    found: Floats = judge.judge(pieces).quadrant[:, quadrant]
    return found


def climbed(judge: Judge, piece: Piece, quadrant: int, steps: int, rng: np.random.Generator) -> Piece:
    """Random turns of the dials, one at a time, each kept where the judge likes it better."""
    dials = Dials(velocity=round(float(piece.notes[:, 3].mean())))
    best, found = float(chances(judge, [piece], quadrant)[0]), piece
    for _ in range(steps):
        tried = _turn(dials, rng)
        made = tried.turned(piece)
        if (value := float(chances(judge, [made], quadrant)[0])) > best:
            best, dials, found = value, tried, made
    return found


def _turn(dials: Dials, rng: np.random.Generator) -> Dials:
    """One dial, drawn, a step further."""
    way = int(rng.choice([-1, 1]))
    velocity = (dials.velocity or 64) + way * VELOCITY_STEP
    turns = (
        replace(dials, tempo=float(np.clip(dials.tempo * (1 + TEMPO_STEP) ** way, *TEMPI))),
        replace(dials, major=way),
        replace(dials, semitones=int(np.clip(dials.semitones + way * SEMITONES, -REGISTER, REGISTER))),
        replace(dials, spread=int(np.clip(dials.spread + way, -1, 1))),
        replace(dials, velocity=int(np.clip(velocity, *VELOCITIES))),
    )
    return turns[int(rng.integers(len(turns)))]


@dataclass(frozen=True)
class Codebook:
    """Of one group: its ``codes`` ``(CODES, dim)``, how far a bar usually lies from the nearest (squared), and
    ``leaning`` ``(quadrants, CODES)``: the logarithm of how much more often a quadrant has a code than all have it.
    """

    codes: Floats
    usual: float
    leaning: Floats

    @classmethod
    def of(cls, bars: Floats, quadrant: IntArray, seed: int) -> Codebook:
        """Of bars ``(n, dim)`` and the quadrant of each."""
        found = KMeans(min(CODES, len(np.unique(bars, axis=0))), n_init=1, random_state=seed).fit(bars)
        count = np.zeros((len(QUADRANTS), len(found.cluster_centers_)))
        np.add.at(count, (quadrant, found.labels_), 1.0)
        share = count.sum(0) / count.sum()
        own = (count + FEW * share) / (count.sum(1, keepdims=True) + FEW)
        usual = max(float(found.inertia_ / len(bars)), LEAST)
        return cls(found.cluster_centers_, usual, np.log(own) - np.log(share))

    def moved(self, bars: Floats, quadrant: int | None) -> Floats:
        """Each of ``bars`` as the code that is near it and that the quadrant likes; the nearest where none is named."""
        away = ((bars[:, None] - self.codes) ** 2).sum(2) / self.usual
        liked = 0.0 if quadrant is None else PULL * self.leaning[quadrant]
        return np.asarray(self.codes[(away - liked).argmin(1)])


@dataclass(frozen=True)
class QuantisedElements:
    """A ``Codebook`` of each style group."""

    books: Mapping[str, Codebook]

    @classmethod
    def of(cls, latents: Sequence[Latents], quadrant: IntArray, seed: int = 0) -> QuantisedElements:
        """From clips and the quadrant of each."""
        whose = np.repeat(quadrant, [each.bars for each in latents])
        return cls({
            name: Codebook.of(np.concatenate([each.groups[name] for each in latents]).astype(np.float64), whose, seed)
            for name in STYLE_GROUPS
        })  # fmt: skip

    def moved(self, latents: Latents, quadrant: int | None) -> Latents:
        """A clip of these styles in the codes of a quadrant; its content stays."""
        styles = {
            name: book.moved(latents.groups[name].astype(np.float64), quadrant).astype(np.float32)
            for name, book in self.books.items()
        }
        return replace(latents, groups={**latents.groups, **styles})


@dataclass(frozen=True)
class Composed:
    """Drafts, what is ``heard`` of each, and the composer that writes versions of them.

    ``told``: what is heard of drafts that were written for each quadrant, as many as can be asked for; none where the
    piece model knows of no moods. ``quantised``: what the composer's latents are in real music of each.
    """

    composer: Composer
    drafts: Sequence[Draft]
    heard: Sequence[Piece]
    told: Sequence[Sequence[Piece]] = ()
    quantised: QuantisedElements | None = None

    def steered(self, row: int, ways: Sequence[Version], donors: Sequence[int], seed: int) -> list[Piece]:
        """What versions of the draft in a row sound like; ``donors``: the rows that they name by their places.

        As the studio has it.
        """
        own = self.drafts[row].latents
        domain, asks = own.piece["domain"], []
        for way in ways:
            lent = {} if way.donor is None else dict.fromkeys(way.groups, self.drafts[donors[way.donor]].latents)
            notes = self.heard[row] if way.dials is None else way.dials.turned(self.heard[row])
            content = own if way.dials is None else self.composer.encode(notes)
            plan = self.composer.plan(
                domain=domain, content=content, styles=lent, bars=own.bars, seed=seed, notes=notes
            )
            asks.append(plan.ask)
        written = self.composer.write_surely(domain, asks, [seed + number for number in range(len(asks))])
        return [each.notes for each in written if each.notes]

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
    """Each makes pieces of a quadrant from the drafts in some rows; what it may compute stands in its name.

    ``plain`` does nothing, ``rules`` and ``climb`` change the first draft, ``best_of_K`` chooses among K. ``steered``
    takes versions of the first draft, for which the others lend styles. ``told`` has the piece model write for the
    quadrant (by its label and a harmony of its valence), ``told_best_of_K`` chooses among K of these: as often as the
    pieces that were written suffice for. ``quantised`` decodes the first draft with its elements in the codes of the
    quadrant, ``quantised_best_of_4`` chooses among four drafts so.
    """
    heard, rng = composed.heard, np.random.default_rng(seed)

    def best(pieces: Sequence[Piece], quadrant: int) -> Piece:
        return pieces[int(chances(bundle.first, pieces, quadrant).argmax())]

    def steered(rows: Sequence[int], quadrant: int) -> Piece:
        donors = list(rows[1:])
        target = [VALENCE[quadrant], AROUSAL[quadrant]]
        ways = versions(target, _said(bundle, [heard[row] for row in donors]))
        made = composed.steered(rows[0], ways, donors, seed)
        return made[nearest(target, _said(bundle, made))]

    def best_written(count: int, rows: Sequence[int], quadrant: int) -> list[Piece]:
        first = min(rows) // TOGETHER * max(TOLD)
        written = composed.told[quadrant][first : first + max(TOLD)]
        return [best(written[start : start + count], quadrant) for start in range(0, len(written), count)]

    one: dict[str, Callable[[Sequence[int], int], Piece]] = {
        "plain": lambda rows, _: heard[rows[0]],
        "rules": lambda rows, quadrant: rules(quadrant).turned(heard[rows[0]]),
        "climb": lambda rows, quadrant: climbed(bundle.first, heard[rows[0]], quadrant, CLIMBS, rng),
        "best_of_4": lambda rows, quadrant: best([heard[row] for row in rows[:4]], quadrant),
        "best_of_16": lambda rows, quadrant: best([heard[row] for row in rows], quadrant),
        "rules_best_of_16": lambda rows, quadrant: best([rules(quadrant).turned(heard[row]) for row in rows], quadrant),
        "steered": steered,
    }
    if (elements := composed.quantised) is not None:
        one |= {
            "quantised": lambda rows, quadrant: composed.in_codes(elements, rows[:1], quadrant, seed)[0],
            "quantised_best_of_4": lambda rows, quadrant: best(
                composed.in_codes(elements, rows[:4], quadrant, seed), quadrant
            ),
        }
    found = {name: _of_one(method) for name, method in one.items()}
    if composed.told:
        found["told"] = partial(best_written, 1)
        found |= {f"told_best_of_{count}": partial(best_written, count) for count in TOLD}
    return found


def _of_one(method: Callable[[Sequence[int], int], Piece]) -> Method:
    return lambda rows, quadrant: [method(rows, quadrant)]


def _said(bundle: MoodBundle, pieces: Sequence[Piece]) -> Floats:
    """Valence and arousal ``(pieces, 2)`` by the first judge."""
    moods = bundle.first.judge(pieces)
    return np.stack([moods.valence, moods.arousal], 1)


def surest(judge: Judge, excerpts: Excerpts, count: int) -> list[Excerpts]:
    """Of each quadrant up to ``count`` excerpts that a judge is surest of, few ``OF_A_SONG``."""
    if not excerpts.pieces:
        return []
    found = []
    for column in judge.judge(excerpts.pieces).quadrant.T:
        of_a_song: Counter[str] = Counter()
        rows = []
        for row in np.argsort(-column, kind="stable").tolist():
            of_a_song[excerpts.songs[row]] += 1
            if of_a_song[excerpts.songs[row]] <= OF_A_SONG:
                rows.append(row)
        found.append(excerpts.some(rows[:count]))
    return found


def control(
    report: Report,
    bundle: MoodBundle,
    composed: Composed,
    real: Excerpts,
    sure: Sequence[Excerpts] = (),
) -> None:
    """Every method on every group of ``TOGETHER`` drafts and every quadrant; adds ``mood.control.*``.

    ``first.quadrant`` is what the judge says that was searched by; the baseline of the others is the drafts as they
    were, and their interval is over groups of drafts. ``two_sample``: recognised beside ``real`` excerpts;
    ``two_sample_matched``: beside real ones that are surely of each quadrant (``sure``, of ``surest``). ``drift`` is in
    standard deviations of the drafts: how far a changed draft moved in what has no rule, or how far the mean of chosen
    drafts lies from that of all.
    """
    heard = composed.heard
    groups = [range(start, start + TOGETHER) for start in range(0, len(heard) - TOGETHER + 1, TOGETHER)]
    wanted = [(number, quadrant) for number in range(len(groups)) for quadrant in range(len(QUADRANTS))]
    spread = _without_rule(heard).std(0) + 1e-9
    base: dict[str, float] = {}
    plain = _without_rule([heard[_turned(groups[number], quadrant)[0]] for number, quadrant in wanted])
    for name, method in methods(bundle, composed, report.seed).items():
        each = [
            method(_turned(groups[number], quadrant), quadrant)
            for number, quadrant in track(wanted, name, console=Console(stderr=True))
        ]
        made = [piece for pieces in each for piece in pieces]
        whose = [place for place, pieces in enumerate(each) for _ in pieces]
        asked = np.array([wanted[place][1] for place in whose], dtype=np.int64)
        songs = tuple(f"drafts {wanted[place][0]}" for place in whose)
        labelled = Labelled(tuple(made), songs, VALENCE[asked], AROUSAL[asked])
        second = right(labelled, bundle.second.judge(made))
        for figure, values in second.items():
            key = f"mood.control.{name}.{figure}"
            base.setdefault(figure, float(values.mean()))
            report.add(key, mean_over_songs(songs, values, baseline=base[figure], chance=CHANCE[figure]))
        first = right(labelled, bundle.first.judge(made))["quadrant"]
        report.add(f"mood.control.{name}.first.quadrant", mean_over_songs(songs, first, chance=CHANCE["quadrant"]))
        report.add(f"mood.control.{name}.two_sample", _told_apart(made, songs, real))
        if sure:
            rows, beside = _matched(asked, sure)
            some, names = [made[row] for row in rows], [songs[row] for row in rows]
            report.add(f"mood.control.{name}.two_sample_matched", _told_apart(some, names, beside))
        if name in {"rules", "climb", "steered", "quantised"}:
            moved = np.abs(_without_rule(made) - plain) / spread
            report.add(f"mood.control.{name}.drift", mean_over_songs(songs, moved.mean(1)))
        else:
            apart = partial(_shift, _without_rule(made), asked, _without_rule(heard).mean(0), spread)
            report.add(f"mood.control.{name}.drift", over_songs(songs, apart, seed=report.seed))


def _matched(asked: IntArray, sure: Sequence[Excerpts]) -> tuple[list[int], Excerpts]:
    """Rows of what was made, evenly over all of it, and for each a real piece of the quadrant that was asked for."""
    rows: list[int] = []
    beside = Excerpts([], [], [])
    for quadrant, some in enumerate(sure):
        own = np.flatnonzero(asked == quadrant)
        many = min(len(own), len(some.pieces))
        rows += own[_evenly(len(own), many)].tolist()
        beside.pieces.extend(some.pieces[:many])
        beside.songs.extend(some.songs[:many])
    return rows, beside


def _evenly(several: int, many: int) -> IntArray:
    return np.unique(np.linspace(0, several - 1, many).astype(np.int64))


def _turned(group: Sequence[int], quadrant: int) -> Sequence[int]:
    """Rows of drafts in an order that begins with others for each quadrant."""
    first = quadrant * len(group) // len(QUADRANTS)
    return [*group[first:], *group[:first]]


def _told_apart(made: Sequence[Piece], songs: Sequence[str], real: Excerpts) -> Metric:
    """How often a classifier says rightly which of as many real and made pieces is which."""
    many = min(len(made), len(real.pieces))
    rows = _evenly(len(made), many)
    some, whose = [made[row] for row in rows], [songs[row] for row in rows]
    names = [*whose, *real.songs[: len(rows)]]
    if min(len(set(whose)), len(set(real.songs[: len(rows)]))) < FOLDS:
        return Metric(None, chance=0.5)
    return mean_over_songs(names, two_sample_test(some, real.pieces[: len(rows)], names), chance=0.5)


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


def donors_of_another_mood(quadrant: IntArray, songs: list[str], seed: int) -> IntArray:
    """For each clip one of another quadrant and another song; the clip itself where there is none."""
    rng = np.random.default_rng(seed)
    whose = np.array(songs)
    found = np.arange(len(quadrant))
    for row in range(len(quadrant)):
        others = np.flatnonzero((quadrant != quadrant[row]) & (whose != whose[row]))
        if len(others):
            found[row] = rng.choice(others)
    return found


def transfer(report: Report, bundle: MoodBundle, composer: Composer, clips: Clips, seed: int) -> None:
    """Adds ``mood.transfer.GROUP.{valence,arousal}``: the share of the way to the donor that swapping the group goes.

    The slope of what a swap changes on how far the donor lies from the clip, by both judges: 1 is all the way, 0 not at
    all. ``all`` swaps every group at once. What writing alone changes is taken off: the clip is written with the same
    seed and without the swap.
    """
    real = bundle.judge(clips.pieces)
    donors = donors_of_another_mood(real.quadrant.argmax(1), clips.songs, seed)
    plain = bundle.judge(compose_all(composer, clips, seed=seed))
    for group in track((*STYLE_GROUPS, ALL), "swaps", console=Console(stderr=True)):
        swapped = STYLE_GROUPS if group == ALL else (group,)
        made = compose_all(composer, clips, seed=seed, styles=dict.fromkeys(swapped, donors))
        said = bundle.judge(made)
        for name, before, after, heard in (
            ("valence", plain.valence, said.valence, real.valence),
            ("arousal", plain.arousal, said.arousal, real.arousal),
        ):
            away = heard[donors] - heard
            report.add(
                f"mood.transfer.{group}.{name}",
                ratio_over_songs(clips.songs, (after - before) * away, away**2, chance=0.0),
            )
