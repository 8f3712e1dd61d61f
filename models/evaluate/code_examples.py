"""What the style codes mean, to hear: ``python -m models.evaluate.code_examples [--data DIR] [--model PATH] [--save]``.

Of collections that come with music21 and may be played, for each kind of music, code and value, the pieces that are
most ordinary in everything that has a name (the least sum of squared standard scores of the named attributes): what
they have in common then is what nobody has named. ``tied.DOMAIN.CODE.NAME`` is the share of a code's variance within
a kind of music (eta squared; chance: shuffled) that a name explains, attributes in five bands, so that it finds what no
rank correlation does: "neither slow nor fast". ``--save`` keeps all of it beside the weights, of pieces only names.
Music given with ``--data`` is measured instead; it can't be played by its names, so it isn't kept.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from models.evaluate.codes import codes_of
from models.experiments.arguments import exit_without_music, positive_int
from models.experiments.dataset import training_pieces
from models.experiments.provenance import commit, data_hash
from models.experiments.report import Metric, Report
from models.metrics.music_statistics import ATTRIBUTES, attributes
from models.music import corpora
from models.music.keys import half_bar_chroma, likely_key
from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import to_tokens
from models.style.checkpoint import MODEL_HELP, style_argument
from models.style.code_examples import CodeExamples, Example, Tie
from models.style.compose import Composer, whole_bars
from models.style.latents import BARS, CODE_COUNT, CODE_LEVELS

COLLECTIONS = ("oneills1850", "ryansMammoth", "airdsAirs", "bachChorales")  # everywhere, and they may be played
MEASURED = (*COLLECTIONS, "pop1k7")  # the last is never played
LIMIT, EACH = 200, 2
BANDS, SHUFFLES = 5, 200
Floats = npt.NDArray[np.float64]


def excerpts(pieces: Sequence[Piece], limit: int, rng: np.random.Generator) -> list[Piece]:
    """The first eight whole bars of up to ``limit`` pieces that have so many, at random."""
    found: list[Piece] = []
    for place in rng.permutation(len(pieces)):
        try:
            excerpt = whole_bars(pieces[place])
            to_tokens(excerpt)
        except MusicError:
            continue
        if len(excerpt.bars) == BARS:
            found.append(excerpt)
        if len(found) == limit:
            break
    return found


def ordinariness(pieces: Sequence[Piece]) -> Floats:
    """Of each piece the sum of squared standard scores of its named attributes; the least is the most ordinary."""
    named = np.array([[attributes(piece)[name] for name in ATTRIBUTES] for piece in pieces])
    spread = named.std(0)
    scores = (named - named.mean(0)) / np.where(spread > 1e-6, spread, 1.0)
    found: Floats = (scores**2).sum(1)
    return found


def chosen(domain: str, pieces: Sequence[Piece], levels: npt.NDArray[np.int64]) -> list[Example]:
    """Up to ``EACH`` pieces for each value of each code, by their ``levels`` ``(pieces, codes)``; none twice a code."""
    order = np.argsort(ordinariness(pieces), kind="stable")
    return [
        Example(domain, code + 1, level, pieces[row].piece_id, (pieces[row].titles or (pieces[row].piece_id,))[0])
        for code in range(CODE_COUNT)
        for level in range(CODE_LEVELS)
        for row in [row for row in order if levels[row, code] == level][:EACH]
    ]


def explained(values: Floats, groups: npt.NDArray[Any]) -> float:
    """Eta squared: the share of the variance of ``values`` that lies between ``groups``; 0 where they don't vary."""
    total = ((values - values.mean()) ** 2).sum()
    if total < 1e-9:
        return 0.0
    means = {group: values[groups == group].mean() for group in np.unique(groups)}
    told = np.array([means[group] for group in groups])
    return float(((told - values.mean()) ** 2).sum() / total)


def ties_of(domain: str, pieces: Sequence[Piece], codes: Floats, rng: np.random.Generator) -> list[Tie]:
    """How much of each code everything explains that has a name and is not the same in all ``pieces``."""
    named = [attributes(piece) for piece in pieces]
    groups: dict[str, npt.NDArray[Any]] = {}
    for name in ATTRIBUTES:
        values = np.array([each[name] for each in named])
        groups[name] = np.digitize(values, np.quantile(values, np.arange(1, BANDS) / BANDS))
    groups["meter"] = np.array([f"{piece.bars[0, 2]}/{piece.bars[0, 3]}" for piece in pieces])
    groups["key"] = np.array([likely_key(half_bar_chroma(piece).sum(0)) for piece in pieces])
    groups["genre"] = np.array([piece.genre or "" for piece in pieces])
    groups["collection"] = np.array([piece.source for piece in pieces])
    found = []
    for code, name in itertools.product(range(CODE_COUNT), groups):
        if len(np.unique(groups[name])) > 1:
            by_chance = [explained(rng.permutation(codes[:, code]), groups[name]) for _ in range(SHUFFLES)]
            figures = (explained(codes[:, code], groups[name]), np.mean(by_chance), np.quantile(by_chance, 0.95))
            found.append(Tie(domain, code + 1, name, *(round(float(each), 4) for each in figures)))
    return found


def _collections() -> list[Piece]:
    """The pieces of all collections that are there."""
    there = corpora.registry()
    return [piece for name in MEASURED if there[name].available for piece in corpora.load(name)]


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate.code_examples", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the collections")
    parser.add_argument("--model", default="default", help=MODEL_HELP)
    parser.add_argument("--limit", type=positive_int, default=LIMIT, help="pieces of each kind of music")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", action="store_true", help="keep the names in the model's folder, for its page")
    given = parser.parse_args(argv)
    if given.save and given.data:
        parser.error("--save keeps pieces that the Styles page can play, those of the collections; leave out --data")
    composer, rng = Composer(style_argument(given.model)), np.random.default_rng(given.seed)
    with exit_without_music():
        everything = training_pieces(given.data) if given.data else _collections()
    examples: list[Example] = []
    ties: list[Tie] = []
    used: list[Piece] = []
    met: dict[str, list[list[float]]] = {}
    measured: dict[str, int] = {}
    for domain in DOMAINS:
        pieces = excerpts([each for each in everything if each.domain == domain], given.limit, rng)
        if not pieces:
            continue
        codes = codes_of(composer.model, pieces).double().numpy()
        levels = np.rint((codes + 1) / 2 * (CODE_LEVELS - 1)).astype(np.int64)
        counts = [np.bincount(levels[:, code], minlength=CODE_LEVELS) for code in range(CODE_COUNT)]
        met[domain] = [np.round(each / len(pieces), 3).tolist() for each in counts]
        ties += ties_of(domain, pieces, codes, rng)
        examples += [each for each in chosen(domain, pieces, levels) if each.piece_id.startswith(COLLECTIONS)]
        used += pieces
        measured[domain] = len(pieces)
    if not used:
        raise SystemExit("nothing to evaluate on: no piece has eight whole bars; give --data, or install music21")
    model = {"version": composer.version, "sha256": composer.bundle.card.get("sha256", {}).get("style")}
    data = {"hash": data_hash(used), "n": len(used)}
    if given.save:
        about = {**model, "data": data, "commit": commit(), "seed": given.seed}
        CodeExamples(about, tuple(examples), tuple(ties), met).save(cast("Path", composer.bundle.folder))
    report = Report("evaluate.code_examples", data, model, given.seed)
    for tie in ties:
        report.add(
            f"tied.{tie.domain}.{tie.code}.{tie.name}", Metric(tie.share, n=measured[tie.domain], chance=tie.chance)
        )
    report.print()


if __name__ == "__main__":
    main()
