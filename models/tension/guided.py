"""The generator obeys: of some pieces that the piece model writes, the one that a reward likes best.

Methods that choose among whole pieces share the same candidates; those over bars (``models.style.pieces.search``) write
as many notes from the same seeds, and draw again on the way. ``trained`` is the first that an agent writes, which
learned by the same rewards. Standardised as in ``models.tension.score``: ``certainty`` of the future and
``recognition`` of the own bars, and what the choice does to idiom, repetition, copying and a classifier that tells the
music from real. A second pair of models, which rewarded nobody, measures the same as ``judged_certainty`` and
``judged_recognition``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rich.progress import track

from models.experiments.report import Metric, Report, ratio_over_songs
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.style.evaluation.clips import Excerpts, composed_excerpts, real_excerpts, regular
from models.style.evaluation.pieces import Judges, measures, rightly_told
from models.style.pieces.sampling import Writer
from models.style.pieces.search import Particles
from models.tension.evaluation import EXCERPT_BARS
from models.tension.score import Measured, Score, TensionBundle, score

AMONG = 8  # candidates of which one is kept
PLAIN, TRAINED = "plain", "trained"
MODES: Mapping[str, Callable[[Score], float]] = {
    "future": lambda found: found.future,
    "past": lambda found: found.past,
    "both": Score.lesser,
}
OVER_BARS = "_bars"  # how the ways over bars are called after these
JUDGED = ("idiom_bits", "si_short", "si_mid", "si_long", "repeats", "copied")


@dataclass
class Kept:
    """What one way kept, over domains: by measure, amounts and numbers, each with the song that it is from."""

    songs: dict[str, list[str]] = field(default_factory=dict)
    amounts: dict[str, list[float]] = field(default_factory=dict)
    numbers: dict[str, list[float]] = field(default_factory=dict)

    def add(self, measure: str, song: str, amount: float, number: float = 1.0) -> None:
        """One more piece."""
        self.songs.setdefault(measure, []).append(song)
        self.amounts.setdefault(measure, []).append(amount)
        self.numbers.setdefault(measure, []).append(number)

    def metric(self, measure: str, baseline: float | None) -> Metric:
        """The ratio of sums with an interval over songs."""
        return ratio_over_songs(
            self.songs.get(measure, []), self.amounts.get(measure, []), self.numbers.get(measure, []),
            baseline=baseline, chance=0.5 if measure == "two_sample" else None,
        )  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A piece that was written, with what is measured on it."""

    piece: Piece
    measured: Measured
    score: Score

    @classmethod
    def of(cls, bundle: TensionBundle, piece: Piece, domain: str) -> Candidate | None:
        """None where it can't be heard."""
        try:
            found = bundle.ears.measure(piece)
        except MusicError:
            return None
        return cls(piece, found, score(found, bundle.usual[domain]))


def choose(writer: Writer, bundle: TensionBundle, domain: Domain, count: int, seed: int) -> dict[str, list[Candidate]]:
    """``count`` pieces by way: ``plain`` takes the first of each ``AMONG`` candidates, the others the best."""
    seeds = [(seed, number, turn) for number in range(count) for turn in range(AMONG)]
    pieces = writer.excerpts(domain, seeds, EXCERPT_BARS[domain], writer.places(domain, seeds, EXCERPT_BARS[domain]))
    heard = [Candidate.of(bundle, piece, domain) for piece in track(pieces, f"{domain} heard")]
    turns = [heard[first : first + AMONG] for first in range(0, len(heard), AMONG)]
    groups = [there for group in turns if (there := [each for each in group if each is not None])]
    chosen = {PLAIN: [group[0] for group in groups]}
    for name, reward in MODES.items():
        chosen[name] = [max(group, key=lambda each: reward(each.score)) for group in groups]
    return chosen


def search(writer: Writer, bundle: TensionBundle, domain: Domain, count: int, seed: int) -> dict[str, list[Candidate]]:
    """``count`` pieces by way, searched over bars: ``AMONG`` particles each, from the seeds of ``choose``."""
    seeds = [(seed, number, turn) for number in range(count) for turn in range(AMONG)]
    places = writer.places(domain, seeds, EXCERPT_BARS[domain])
    chosen = {}
    for name, reward in MODES.items():

        def worth(piece: Piece, reward: Callable[[Score], float] = reward) -> float | None:
            found = Candidate.of(bundle, piece, domain)
            return None if found is None else reward(found.score)

        rows = AMONG * writer.among(domain)
        particles = Particles(domain, worth, rows, seeds[::AMONG])
        pieces = writer.excerpts(domain, seeds, EXCERPT_BARS[domain], places, after_step=particles)
        heard = [Candidate.of(bundle, piece, domain) for piece in track(pieces, f"{domain} {name} searched")]
        turns = [heard[first : first + AMONG] for first in range(0, len(heard), AMONG)]
        groups = [there for group in turns if (there := [each for each in group if each is not None])]
        chosen[f"{name}{OVER_BARS}"] = [max(group, key=lambda each: reward(each.score)) for group in groups]
    return chosen


@dataclass(frozen=True)
class Agent:
    """A writer that was trained by the rewards, in these domains."""

    writer: Writer
    domains: Collection[str]

    def write(self, bundle: TensionBundle, domain: Domain, count: int, seed: int) -> list[Candidate]:
        """``count`` pieces from the seeds of ``plain``; those that can't be read are left out."""
        seeds, bars = [(seed, number, 0) for number in range(count)], EXCERPT_BARS[domain]
        pieces = self.writer.excerpts(domain, seeds, bars, self.writer.places(domain, seeds, bars))
        read = [Candidate.of(bundle, piece, domain) for piece in track(pieces, f"{domain} {TRAINED} read")]
        return [each for each in read if each is not None]


def guided(
    report: Report,
    bundle: TensionBundle,
    writer: Writer,
    train: Sequence[Piece],
    test: Sequence[Piece],
    *,
    count: int,
    domains: Sequence[Domain] = DOMAINS,
    over_bars: bool = True,
    agent: Agent | None = None,
    judge: TensionBundle | None = None,
) -> None:
    """Add ``tension.guided.METHOD.*``, over domains and by domain; the baseline of each is ``plain``.

    Over domains, ``trained`` stands beside ``plain`` of all domains, also of those in which no agent was trained.
    """
    everywhere = {name: Kept() for name in (PLAIN, *MODES, *(f"{name}{OVER_BARS}" for name in MODES), TRAINED)}
    for domain in domains:
        known = regular(piece for piece in train if piece.domain == domain)
        own = regular(piece for piece in test if piece.domain == domain)
        if domain not in bundle.usual or not known or not own:
            lacks = "training music" if not known else "held-out music" if not own else "music that this model knows"
            print(f"guided pieces of {domain} are left out: there is no {lacks}")
            continue
        judges = Judges.fit(domain, known)
        real = real_excerpts(own, EXCERPT_BARS[domain], count, report.seed)
        here = {name: Kept() for name in everywhere}
        found = choose(writer, bundle, domain, count, report.seed)
        if over_bars:
            found |= search(writer, bundle, domain, count, report.seed)
        if agent and domain in agent.domains:
            found[TRAINED] = agent.write(bundle, domain, count, report.seed)
        for name, chosen in found.items():
            _add((here[name], everywhere[name]), bundle, judges, chosen, real)
            if judge and domain in judge.usual:
                _judged((here[name], everywhere[name]), judge, domain, chosen)
        _report(report, here, f".{domain}")
    if any(kept.songs for kept in everywhere.values()):
        _report(report, everywhere, "")


def _add(
    kept: Sequence[Kept], bundle: TensionBundle, judges: Judges, chosen: Sequence[Candidate], real: Excerpts
) -> None:
    usual = bundle.usual[judges.domain]

    def add(measure: str, song: str, amount: float, number: float = 1.0) -> None:
        for each in kept:
            each.add(measure, f"{judges.domain} {song}", amount, number)

    for number, each in enumerate(chosen):
        add("certainty", str(number), -each.score.future)
        add("recognition", str(number), usual.standard(each.measured, "own_bars"))
        add("surprise", str(number), usual.standard(each.measured, "surprise"))
        add("lesser", str(number), each.score.lesser())
    made = composed_excerpts([each.piece for each in chosen], EXCERPT_BARS[judges.domain], seed=0)
    for song, piece in zip(made.songs, made.pieces, strict=True):
        found = measures(piece, judges)
        for name in JUDGED:
            if found[name][1] > 0:
                add(name, song, *found[name])
    if (told := rightly_told(real, made)) is not None:
        for song, right in zip(*told, strict=True):
            add("two_sample", song, float(right))


def _judged(kept: Sequence[Kept], judge: TensionBundle, domain: Domain, chosen: Sequence[Candidate]) -> None:
    for number, piece in enumerate(each.piece for each in chosen):
        if (found := Candidate.of(judge, piece, domain)) is not None:
            recognition = judge.usual[domain].standard(found.measured, "own_bars")
            for each in kept:
                each.add("judged_certainty", f"{domain} {number}", -found.score.future)
                each.add("judged_recognition", f"{domain} {number}", recognition)
                each.add("judged_lesser", f"{domain} {number}", found.score.lesser())


def _report(report: Report, found: Mapping[str, Kept], place: str) -> None:
    for name, kept in found.items():
        for measure in kept.songs:
            plain = report.metrics.get(f"tension.guided{place}.{PLAIN}.{measure}")
            report.add(f"tension.guided{place}.{name}.{measure}", kept.metric(measure, plain.value if plain else None))
