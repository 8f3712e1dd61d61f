"""What title towers are measured with: test tunes, a ridge baseline, a genre probe, the figures of a study.

The baseline is the plain way to connect titles and tunes, which the towers have to beat: ridge regression between two
bags. Titles are tf-idf weighted strings of 2 to 5 letters, tunes the principal components (whitened) of how often they
have each interval, degree, place, duration and so on. A title is asked which components it expects; tunes are ranked by
the cosine with what they have.

The probe says which types of tune a linear reading of the melody tower tells apart, on tunes of collections that it
never trained on. It is a logistic regression on the tower's vectors of one set of tunes; its penalty is chosen by
cross-validation over groups inside them. Its baseline is the commonest type of each meter.

In a study a condition is a variant, perhaps without some information, trained with several seeds. A query's figure is
its mean over them, and intervals are bootstraps over groups of near-duplicates: they say how sure a figure is of other
tunes; how much a seed matters, the seeds' own figures show. Ablations are compared query by query with the same variant
that hears and reads everything (sign-flip test), over all tunes and over those of one type. There the probe's penalty
is fixed, so nothing is chosen by its outcome.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.experiments.dataset import neutral
from models.metrics.retrieval import Ranking, chance, paired_difference, ranked
from models.music import corpora
from models.music.notes import MusicError
from models.title.transfer import unit
from models.title.tunes import CORPORA, FIELD_SIZES, FIELDS, LONGEST, Pool, Tune, spelled, tunes_of
from models.title.two_tower import TitleBundle, TowerEnsemble, TwoTower

Floats = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]
Row = dict[str, Any]

BOOK, UNHEARD, FOLDER = "oneills1850", "cre", "folder"
PROBE_LEARNS_FROM = ("oneills1850", "ryansMammoth")
LEAST_POOL = 20  # tunes that make a pool worth asking

COMPONENTS = 20
RIDGE_PENALTY = 5.0
PAIR = ("position", "duration")

LEAST_OF_TYPE = 10  # tunes of a type on either side
PENALTIES = (0.01, 0.1, 1.0, 10.0)

DIRECTIONS = ("title_to_melody", "melody_to_title")
RIDGE, SCRATCH, TRANSFERRED = "ridge", "style_scratch", ("style_frozen", "style_tuned")
PROBE_PENALTY = 0.1
LEAST_QUERIES = 20  # queries of a type that make a figure
DRAWS = 2000
OTHER = "another or none"  # what a tune's type is where it has too few queries, or the tune has none
CONFUSED = ("reel", "hornpipe")


@dataclass(frozen=True)
class Material:
    """Tunes by what they are for: the pool, the other collection, what the probe learns from, two training parts.

    No group is in both what the probe learns from and what it reads.
    """

    pool: list[Tune]
    elsewhere: list[Tune]
    known: list[Tune]
    trained: list[Tune]
    validation: list[Tune]  # of the collection that the pool is of, or of the book


def read_material(bundle: TitleBundle, data: Path | None, limit: int | None) -> Material:
    """Reads corpora and folder, grouped together; raises ``MusicError`` where no tune is left to test on.

    Of the folder that the towers were trained on the pool is what they held out, of any other folder all of it.
    """
    there = corpora.registry()
    names = [name for name in (*CORPORA, UNHEARD) if there[name].available and (data is None or name != UNHEARD)]
    pieces = [piece for name in names for piece in corpora.load(name)]
    folder = corpora.load_folder(data, neutral) if data else []
    tunes = tunes_of([*pieces, *(replace(piece, source=FOLDER) for piece in folder)])
    asked, watched = (set(bundle.held_out.get(part, ())) for part in ("test", "validation"))
    held_out = {name for part in bundle.held_out.values() for name in part}
    own = any(tune.source == FOLDER and tune.name in held_out for tune in tunes)  # the towers' own folder
    sources, book = ((FOLDER,), FOLDER) if own else (CORPORA, BOOK)
    trained = [tune for tune in tunes if tune.source in sources and tune.name not in held_out]
    heard = {tune.group for tune in trained}
    if data is None or own:
        pool = [tune for tune in tunes if tune.name in asked and tune.source == book]
    else:
        pool = [tune for tune in tunes if tune.source == FOLDER]
    elsewhere = pool if data else [tune for tune in tunes if tune.source == UNHEARD]
    elsewhere = [tune for tune in elsewhere if tune.group not in heard]
    pool = pool[:limit]
    if len(pool) < LEAST_POOL:
        raise MusicError(
            f"{len(pool)} tunes with titles are there that the towers held out; at least {LEAST_POOL} are needed, and "
            "--data where they were trained on a folder"
            if data is None
            else f"{data} holds {len(pool)} tunes with titles{' that the towers held out' if own else ''}; "
            f"at least {LEAST_POOL} are needed"
        )
    validation = [tune for tune in tunes if tune.name in watched and tune.source == book]
    elsewhere = elsewhere[:limit]
    read = {tune.group for tune in elsewhere}
    known = [tune for tune in tunes if tune.source in PROBE_LEARNS_FROM and tune.group not in read]
    return Material(pool, elsewhere, known, trained, validation)


class RidgeBaseline:
    """Fitted on ``tunes``, every title of theirs a pair."""

    def __init__(self, tunes: Sequence[Tune]) -> None:
        pairs = [(title, tune) for tune in tunes for title in tune.titles]
        rows = np.array([occurrences(tune) for _, tune in pairs])
        self.mean, self.scale = rows.mean(0), rows.std(0) + 0.02
        components = min(COMPONENTS, *rows.shape)
        self.pca = PCA(components, whiten=True, svd_solver="full").fit((rows - self.mean) / self.scale)
        rare = min(3, len(pairs))
        self.letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=rare)
        self.regression = make_pipeline(self.letters, Ridge(alpha=RIDGE_PENALTY))
        self.regression.fit([spelled(title) for title, _ in pairs], self.melodies([tune for _, tune in pairs]))

    def melodies(self, tunes: Sequence[Tune]) -> Floats:
        """Whitened components ``(tunes, components)``."""
        rows = np.array([occurrences(tune) for tune in tunes])
        found: Floats = self.pca.transform((rows - self.mean) / self.scale)
        return found

    def scores(self, titles: Sequence[str], tunes: Sequence[Tune]) -> Floats:
        """Cosines ``(titles, tunes)``."""
        asked = self.regression.predict([spelled(title) for title in titles])
        return unit(asked) @ unit(self.melodies(tunes)).T


def occurrences(tune: Tune) -> Floats:
    """Square roots of the shares of every value of every field, and of place with duration; and two lengths."""
    notes = tune.notes.astype(np.int64)
    column = {name: notes[:, index] + 1 for index, name in enumerate(FIELDS)}
    counts = [np.bincount(column[name], minlength=FIELD_SIZES[name] + 1) for name in FIELDS if name != "bar"]
    first, second = PAIR
    width = FIELD_SIZES[second] + 1
    counts.append(np.bincount(column[first] * width + column[second], minlength=width * (FIELD_SIZES[first] + 1)))
    lengths = [column["bar"].max() / FIELD_SIZES["bar"], len(notes) / LONGEST]
    return np.concatenate([np.sqrt(np.concatenate(counts) / len(notes)), lengths])


@dataclass(frozen=True)
class Probe:
    """Types ``(tunes,)`` as they are, as the probe reads them and as the meter alone says, and the types there are."""

    types: tuple[str, ...]
    truth: Names
    read: Names
    by_meter: Names
    groups: tuple[str, ...]

    def macro_f1(self, rows: npt.NDArray[np.int64], *, meter: bool = False) -> float:
        """Mean F1 of the types among ``rows``; 0 for a type that nobody was told to be."""
        told = self.by_meter if meter else self.read
        return float(f1_score(self.truth[rows], told[rows], labels=self.types, average="macro", zero_division=0))

    def f1(self, rows: npt.NDArray[np.int64], kind: str) -> float:
        """F1 of one type among ``rows``."""
        return float(f1_score(self.truth[rows] == kind, self.read[rows] == kind, zero_division=0))

    def confusion(self) -> npt.NDArray[np.int64]:
        """Counts ``(true type, type read)``."""
        table: npt.NDArray[np.int64] = confusion_matrix(self.truth, self.read, labels=self.types)
        return table


def probe_genres(
    towers: TwoTower | TowerEnsemble,
    known: Sequence[Tune],
    unknown: Sequence[Tune],
    seed: int,
    penalties: Sequence[float] = PENALTIES,
) -> Probe | None:
    """Read the types of ``unknown`` tunes after ``known`` ones; None where fewer than two types are on both sides.

    With one of ``penalties`` there is nothing to choose.
    """
    counts = [Counter(tune.genre for tune in side) for side in (known, unknown)]
    types = tuple(sorted(name for name in counts[0] if name and min(count[name] for count in counts) >= LEAST_OF_TYPE))
    if len(types) < 2:
        return None
    known = [tune for tune in known if tune.genre in types]
    unknown = [tune for tune in unknown if tune.genre in types]
    labels = np.array([tune.genre for tune in known])
    regression = LogisticRegression(max_iter=2000, class_weight="balanced", random_state=seed, C=penalties[0])
    probe = make_pipeline(StandardScaler(), regression)
    if len(penalties) == 1:
        probe.fit(towers.pooled(known), labels)
    else:
        grid = {"logisticregression__C": penalties}
        probe = GridSearchCV(probe, grid, scoring="f1_macro", cv=GroupKFold(5))
        probe.fit(towers.pooled(known), labels, groups=[tune.group for tune in known])
    commonest: dict[str, Counter[str]] = defaultdict(Counter)
    for tune in known:
        commonest[tune.meter][tune.genre or ""] += 1
    overall = Counter(labels.tolist()).most_common(1)[0][0]
    by_meter = [commonest[t.meter].most_common(1)[0][0] if commonest[t.meter] else overall for t in unknown]
    return Probe(
        types=types,
        truth=np.array([tune.genre for tune in unknown]),
        read=probe.predict(towers.pooled(unknown)),
        by_meter=np.array(by_meter),
        groups=tuple(tune.group for tune in unknown),
    )


@dataclass(frozen=True)
class Condition:
    """A variant without some information; nothing is taken away from the variants themselves."""

    variant: str
    without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As in the names of its runs."""
        return "-".join([self.variant, *(f"no_{name}" for name in self.without)])


@dataclass(frozen=True)
class Outcome:
    """What one run makes of the test tunes: rankings by direction, the nearest tune to each title, the probe."""

    rankings: Mapping[str, Ranking]
    nearest: npt.NDArray[np.int64]
    probe: Probe | None


@dataclass(frozen=True)
class EvaluationTunes:
    """What every run is tested on: the pool, and tunes for the probe to learn from and to read."""

    pool: Pool
    known: Sequence[Tune]
    unknown: Sequence[Tune]

    def groups(self, direction: str) -> tuple[str, ...]:
        """The group of each query."""
        return self.pool.title_groups if direction == DIRECTIONS[0] else self.pool.tune_groups

    def genres(self, direction: str) -> npt.NDArray[np.str_]:
        """The type of each query's tune, "" where it has none."""
        own = np.array([tune.genre or "" for tune in self.pool.tunes])
        return own[self.pool.right.argmax(1)] if direction == DIRECTIONS[0] else own


def outcome_of(towers: TwoTower | TowerEnsemble, test_tunes: EvaluationTunes, seed: int) -> Outcome:
    """Everything that is asked of one run's towers, in eval mode."""
    pool = test_tunes.pool
    scores = (towers.titles(pool.titles) @ towers.melodies(pool.tunes).T).astype(np.float64)
    return Outcome(
        *_ranked(scores, pool, seed), probe_genres(towers, test_tunes.known, test_tunes.unknown, seed, (PROBE_PENALTY,))
    )


def ridge_outcome(trained: Sequence[Tune], test_tunes: EvaluationTunes) -> Outcome:
    """The plain baseline (``RidgeBaseline``) on the same queries."""
    scores = RidgeBaseline(trained).scores(test_tunes.pool.titles, test_tunes.pool.tunes)
    return Outcome(*_ranked(scores, test_tunes.pool, 0), None)


def _ranked(scores: Floats, pool: Pool, seed: int) -> tuple[dict[str, Ranking], npt.NDArray[np.int64]]:
    found = {DIRECTIONS[0]: ranked(scores, pool.right, seed), DIRECTIONS[1]: ranked(scores.T, pool.right.T, seed)}
    return found, scores.argmax(1)


def results(
    outcomes: Mapping[Condition, Mapping[int, Outcome]], ridge: Outcome, test_tunes: EvaluationTunes
) -> Iterator[Row]:
    """Rows of ``study_result`` from the outcomes of each condition by seed."""
    everything = {Condition(RIDGE): {0: ridge}, **outcomes}
    for condition, found in everything.items():
        yield from _retrieval(condition, found, test_tunes)
        yield from _nearest_genres(condition, found, test_tunes)
        if probes := [each.probe for each in found.values() if each.probe]:
            yield from _probe(condition, probes)
    for condition, found in outcomes.items():
        yield from _compared("against_ridge", condition, found, {0: ridge}, test_tunes)
        if condition.variant.startswith(TRANSFERRED) and not condition.without:
            scratch = outcomes.get(Condition(condition.variant.replace(condition.variant.split("-")[0], SCRATCH)))
            yield from _compared("transfer", condition, found, scratch or {}, test_tunes)
        if condition.without and (base := outcomes.get(Condition(condition.variant))):
            yield from _compared("ablation", condition, found, base, test_tunes, by_genre=True)
            yield from _probe_compared(condition, found, base)


def _row(comparison: str, condition: Condition, measure: str, n: int, **values: Any) -> Row:
    return {"comparison": comparison, "condition": condition.name, "measure": measure, "n": n, **values}


def _interval(values: Floats, groups: Sequence[str], against: Floats | None = None) -> Row:
    """Mean of what ``values`` have more than ``against``, its interval, and p where it is a difference."""
    other = np.zeros_like(values) if against is None else against
    told = paired_difference(values, other, groups, draws=DRAWS)
    return {"value": told.value, "low": told.low, "high": told.high, **({} if against is None else {"p": told.p})}


def _reciprocal(found: Mapping[int, Outcome], direction: str) -> Floats:
    """Reciprocal ranks ``(queries,)``, the mean over seeds."""
    mean: Floats = np.mean([1 / each.rankings[direction].best for each in found.values()], axis=0)
    return mean


def _retrieval(condition: Condition, found: Mapping[int, Outcome], test_tunes: EvaluationTunes) -> Iterator[Row]:
    """MRR, (n)DCG, recall among the first ten and mean log rank of each direction; MRR also seed by seed."""
    for direction in DIRECTIONS:
        rankings = {seed: each.rankings[direction] for seed, each in found.items()}
        first = next(iter(rankings.values()))
        expected = chance(first.right, first.pool)
        measured = {
            "mrr": _reciprocal(found, direction),
            "dcg": np.mean([each.dcg for each in rankings.values()], axis=0),
            "ndcg": np.mean([each.ndcg for each in rankings.values()], axis=0),
            "recall_10": np.mean([each.best <= 10 for each in rankings.values()], axis=0),
            "mean_log_rank": np.mean([np.log(each.best) for each in rankings.values()], axis=0),
        }
        for name, values in measured.items():
            told = _interval(values, test_tunes.groups(direction))
            yield _row("variant", condition, f"{direction}.{name}", len(first), **told, chance=expected[name])
        for seed, each in rankings.items():
            value = float((1 / each.best).mean())
            yield _row("variant", condition, f"{direction}.mrr", len(each), value=value, seed=seed)


def _nearest_genres(condition: Condition, found: Mapping[int, Outcome], test_tunes: EvaluationTunes) -> Iterator[Row]:
    """Of the titles of each type: the share whose nearest tune is of each type."""
    asked, own = test_tunes.genres(DIRECTIONS[0]), test_tunes.genres(DIRECTIONS[1])
    kinds, counts = np.unique(asked[asked != ""], return_counts=True)
    kinds = kinds[counts >= LEAST_QUERIES]
    for kind in kinds:
        answers = np.concatenate([own[each.nearest[asked == kind]] for each in found.values()])
        answers = np.where(np.isin(answers, kinds), answers, OTHER)
        for other in (*kinds.tolist(), OTHER):
            share = float((answers == other).mean())
            yield _row(
                "nearest", condition, "share", int((asked == kind).sum()), genre=kind, read_as=other, value=share
            )


def _compared(
    comparison: str, condition: Condition, found: Mapping[int, Outcome], other: Mapping[int, Outcome],
    test_tunes: EvaluationTunes, *, by_genre: bool = False,
) -> Iterator[Row]:  # fmt: skip
    """MRR of a condition less that of another on the same queries; nothing where there is no other."""
    for direction in DIRECTIONS if other else ():
        ours, theirs = _reciprocal(found, direction), _reciprocal(other, direction)
        groups, genres = np.array(test_tunes.groups(direction)), test_tunes.genres(direction)
        told = _interval(ours, groups.tolist(), theirs)
        yield _row(comparison, condition, f"{direction}.mrr", len(ours), **told)
        for kind in sorted({*genres.tolist()} - {""}) if by_genre else ():
            rows = genres == kind
            if rows.sum() >= LEAST_QUERIES:
                told = _interval(ours[rows], groups[rows].tolist(), theirs[rows])
                yield _row(comparison, condition, f"{direction}.mrr", int(rows.sum()), genre=kind, **told)


def _probe(condition: Condition, probes: Sequence[Probe]) -> Iterator[Row]:
    """What the probe reads: macro-F1 and F1 of each type, recall of reels and hornpipes, and what is taken for what."""
    first = probes[0]
    scores, draws = f1_of_types(probes)
    by_meter = first.macro_f1(np.arange(len(first.truth)), meter=True)
    low, high = np.quantile(draws.mean(1), [0.025, 0.975])
    told = {"value": float(scores.mean()), "low": float(low), "high": float(high), "chance": by_meter}
    yield _row("probe", condition, "macro_f1", len(first.truth), **told)
    for index, kind in enumerate(first.types):
        low, high = np.quantile(draws[:, index], [0.025, 0.975])
        told = {"value": float(scores[index]), "low": float(low), "high": float(high)}
        yield _row("probe", condition, "f1", int((first.truth == kind).sum()), genre=kind, **told)
    for kind, line in zip(first.types, np.mean([probe.confusion() for probe in probes], axis=0), strict=True):
        for other, count in zip(first.types, line / max(1.0, line.sum()), strict=True):
            yield _row("probe", condition, "share", int(line.sum()), genre=kind, read_as=other, value=float(count))
    if rows := _of(first, CONFUSED):
        told = _interval(_balanced(probes, rows), [first.groups[row] for row in rows])
        yield _row("probe", condition, "reel_or_hornpipe", len(rows), **told, chance=0.5)


def _probe_compared(condition: Condition, found: Mapping[int, Outcome], base: Mapping[int, Outcome]) -> Iterator[Row]:
    """What an ablation costs the probe: mean recall of the types, of each type, and of reels and hornpipes."""
    ours, theirs = ([each.probe for each in side.values() if each.probe] for side in (found, base))
    if not ours or not theirs:
        return
    first = ours[0]
    chosen: list[tuple[str, str | None, list[int]]] = [("recall", None, list(range(len(first.truth))))]
    chosen += [("recall", kind, _of(first, (kind,))) for kind in first.types]
    chosen += [("reel_or_hornpipe", None, _of(first, CONFUSED))]
    for measure, genre, rows in chosen:
        if rows:
            groups = [first.groups[row] for row in rows]
            told = _interval(_balanced(ours, rows), groups, _balanced(theirs, rows))
            yield _row("probe_ablation", condition, measure, len(rows), genre=genre, **told)


def _of(probe: Probe, kinds: Sequence[str]) -> list[int]:
    """The tunes of these types; none where the probe doesn't know them all."""
    return np.flatnonzero(np.isin(probe.truth, kinds)).tolist() if set(kinds) <= set(probe.types) else []


def _balanced(probes: Sequence[Probe], rows: Sequence[int]) -> Floats:
    """How often each of ``rows`` is read right, weighted: the mean over them is the mean of the types' recalls."""
    truth = probes[0].truth[rows]
    kinds, owner, counts = np.unique(truth, return_inverse=True, return_counts=True)
    right = np.mean([probe.read[rows] == truth for probe in probes], axis=0)
    weighted: Floats = right * len(rows) / (len(kinds) * counts[owner])
    return weighted


def f1_of_types(probes: Sequence[Probe], draws: int = DRAWS) -> tuple[Floats, Floats]:
    """F1 of each type ``(types,)``, the mean over probes of the same tunes, and the same of bootstraps over groups."""
    first = probes[0]
    number = {kind: index for index, kind in enumerate(first.types)}
    truth = np.array([number[kind] for kind in first.truth.tolist()])
    _, owner = np.unique(first.groups, return_inverse=True)
    groups = int(owner.max()) + 1
    weights = np.random.default_rng(0).multinomial(groups, np.full(groups, 1 / groups), size=draws)[:, owner]
    weights = np.concatenate([np.ones((1, len(truth)), dtype=np.int64), weights]).astype(np.float64)
    is_truth = np.eye(len(number))[truth]
    found = []
    for probe in probes:
        read = np.eye(len(number))[[number[kind] for kind in probe.read.tolist()]]
        hits, told, there = weights @ (is_truth * read), weights @ read, weights @ is_truth
        found.append(2 * hits / np.maximum(told + there, 1e-12))
    mean = np.mean(found, axis=0)
    return mean[0], mean[1:]
