"""What the learned style codes say: ``python -m models.evaluate.codes [--data DIR] [--model PATH] [--save]``.

On songs never trained on, two windows of each without a bar in common. ``codes.agree`` is the share of codes that are
equal in both, ``codes.found`` how often a window's codes are nearest those of the song's other one among 100 songs of
its domain. ``codes.prior_cost`` is what the latents of one window cost the prior given the codes of the other
(baseline: codes in the middle; chance: another song's), ``codes.prior_gain`` how much more they cost with another
song's. ``codes.obeyed`` is the share of codes that a clip drawn with a window's codes has itself (baseline: that of the
song's own other window; chance: another song's codes).
``codes.C.ATTRIBUTE`` is the Spearman correlation of a code with what is named, within domains, ``codes.C.bits`` its
entropy. ``--save`` keeps the figures beside the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.experiments.arguments import exit_without_music
from models.experiments.dataset import piece_name
from models.experiments.report import Metric, Report, mean_over_songs, over_songs
from models.metrics.music_statistics import ATTRIBUTES, attributes
from models.music.keys import half_bar_chroma, likely_key
from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import on_grid, to_tokens
from models.style.compose import METER_NAMES, Composer
from models.style.evaluation.run import style_run
from models.style.evaluation.swaps import AMONG, FINEST, correlation
from models.style.features import gather_notes, style_features
from models.style.latents import BARS, CODE_LEVELS, GROUPS
from models.style.model import StyleModel
from models.style.prior import Setting
from models.style.windows import WindowSet, pad

BATCH = 16
TIMES = 16
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Two windows of each song, what it is called, and its domain."""

    one: list[Piece]
    two: list[Piece]
    songs: list[str]
    domains: npt.NDArray[np.str_]

    @cached_property
    def places(self) -> list[int]:
        """Of each song's domain in ``DOMAINS``."""
        return [DOMAINS.index(str(domain)) for domain in self.domains]


def choose_pairs(windows: WindowSet, limit: int, seed: int) -> Pairs:
    """The first and the last window of up to ``limit`` songs whose windows are that far apart, shared over domains."""
    rng = np.random.default_rng(seed)
    found: list[tuple[int, int]] = []
    for domain in range(len(DOMAINS)):
        here: list[tuple[int, int]] = []
        for piece in rng.permutation(np.unique(windows.piece[windows.domain == domain])):
            rows = np.flatnonzero(windows.piece == piece)
            first, last = rows[windows.first_bar[rows].argmin()], rows[windows.first_bar[rows].argmax()]
            if windows.first_bar[last] - windows.first_bar[first] >= BARS:
                here.append((int(first), int(last)))
        found += here[: limit // len(DOMAINS)]
    if len(found) < 2:
        raise MusicError(f"two songs of {2 * BARS} bars are needed; {len(found)} are there")
    one, two = ([on_grid(windows.clip(pair[which])) for pair in found] for which in range(2))
    songs = [piece_name(windows.pieces[int(windows.piece[first])]) for first, _ in found]
    return Pairs(one, two, songs, np.array([DOMAINS[int(windows.domain[first])] for first, _ in found]))


def tokens_of(pieces: Sequence[Piece]) -> Tensor:
    """Tokens of clips, ``(clips, steps, 7)``."""
    return pad([to_tokens(piece) for piece in pieces])


@torch.inference_mode()
def codes_of(model: StyleModel, pieces: Sequence[Piece]) -> Tensor:
    """Style codes of clips, ``(clips, codes)``."""
    parts = [pieces[at : at + BATCH] for at in range(0, len(pieces), BATCH)]
    told = [model.encode_codes(style_features(gather_notes(tokens_of(part), BARS)), BARS) for part in parts]
    return torch.cat(told)


@torch.inference_mode()
def prior_cost(composer: Composer, pairs: Pairs, codes: Tensor, seed: int) -> Floats:
    """What the latents of each first window cost the prior given these ``codes``, ``(songs,)``: squared velocity error.

    Weighted as in training, in standardised latents; the mean of ``TIMES`` places on the path, the same for any codes.
    """
    prior, out = composer.prior, np.empty(len(pairs.one))
    for row, piece in enumerate(pairs.one):
        latents = composer.encode(piece)
        x = prior.standardise(torch.from_numpy(np.concatenate([latents.groups[group] for group in GROUPS], 1)))
        setting = Setting(
            torch.tensor([pairs.places[row]]),
            torch.tensor([METER_NAMES.index(str(latents.piece["meter"]))]),
            torch.tensor([likely_key(half_bar_chroma(piece).sum(0))]),
            codes[row : row + 1],
        )
        noise = torch.randn((TIMES, *x.shape), generator=torch.Generator().manual_seed(seed + row))
        time = (torch.arange(TIMES) + 0.5) / TIMES
        mixed = time[:, None, None] * x + (1 - time[:, None, None]) * noise
        error = (prior(mixed, time, setting[torch.zeros(TIMES).long()]) - (x - noise)).square()
        out[row] = float((error * prior.weight).mean() / prior.weight.mean())
    return out


def drawn_with(composer: Composer, pairs: Pairs, codes: Tensor, seed: int) -> Tensor:
    """Style codes of clips that are drawn with these ``codes``, one for each song in its domain: ``(songs, codes)``."""
    made: list[Piece] = []
    for at in range(0, len(codes), BATCH):
        rows = range(at, min(at + BATCH, len(codes)))
        domains = [DOMAINS[pairs.places[row]] for row in rows]
        seeds = [seed * 1_000_000 + row for row in rows]
        drawn = composer.draw_each(domains, seeds, codes[at : at + BATCH])
        made += composer.compose(
            [
                composer.plan(domain=domain, content=None, styles={}, seed=row_seed, drawn=latents)
                for domain, row_seed, latents in zip(domains, seeds, drawn, strict=True)
            ]
        )
    return codes_of(composer.model, made)


def others_of(domains: npt.NDArray[np.str_], seed: int) -> npt.NDArray[np.int64]:
    """Another song of the same domain for each; itself where there is no other."""
    rng, order = np.random.default_rng(seed), np.arange(len(domains))
    for domain in np.unique(domains):
        rows = rng.permutation(np.flatnonzero(domains == domain))
        order[rows] = np.roll(rows, 1)
    return order


def found_again(one: Floats, two: Floats, domains: npt.NDArray[np.str_], seed: int) -> Floats:
    """1 where a song's second window is nearest its first among ``AMONG`` songs of its domain; ties count in part."""
    rng, hits = np.random.default_rng(seed), np.empty(len(one))
    for row in range(len(one)):
        others = np.flatnonzero((domains == domains[row]) & (np.arange(len(one)) != row))
        far = np.abs(two[rng.permutation(others)[: AMONG - 1]] - one[row]).sum(1)
        own = np.abs(two[row] - one[row]).sum()
        hits[row] = 0.0 if (far < own).any() else 1 / (1 + (far == own).sum())
    return hits


def codes_report(report: Report, composer: Composer, pairs: Pairs, seed: int) -> None:
    """Add all of ``codes.*``."""
    own, second = (codes_of(composer.model, pieces) for pieces in (pairs.one, pairs.two))
    other = second[others_of(pairs.domains, seed)]
    one, two, far = (codes.double().numpy() for codes in (own, second, other))
    report.add(
        "codes.agree",
        mean_over_songs(pairs.songs, (one == two).mean(1), chance=float((one == far).mean())),
    )
    among = np.minimum(AMONG, (pairs.domains[:, None] == pairs.domains).sum(1))
    hits = found_again(one, two, pairs.domains, seed)
    report.add("codes.found", mean_over_songs(pairs.songs, hits, chance=float((1 / among).mean())))
    told, middle, wrong = (
        prior_cost(composer, pairs, codes, seed) for codes in (second, torch.zeros_like(second), other)
    )
    cost = mean_over_songs(pairs.songs, told, baseline=float(middle.mean()), chance=float(wrong.mean()))
    report.add("codes.prior_cost", cost)
    report.add("codes.prior_gain", mean_over_songs(pairs.songs, wrong - told, chance=0.0))
    made = drawn_with(composer, pairs, own, seed).double().numpy()
    report.add(
        "codes.obeyed",
        mean_over_songs(
            pairs.songs,
            (made == one).mean(1),
            baseline=float((one == two).mean()),
            chance=float((made == one[others_of(pairs.domains, seed)]).mean()),
        ),
    )
    named = [attributes(piece) for piece in pairs.one]
    for code in range(one.shape[1]):
        shares = np.bincount(np.rint((one[:, code] + 1) / 2 * (CODE_LEVELS - 1)).astype(int), minlength=CODE_LEVELS)
        live = shares[shares > 0] / shares.sum()
        bits = float((live * -np.log2(live)).sum()) + 0.0
        report.add(f"codes.{code + 1}.bits", Metric(bits, n=len(one), reference=float(np.log2(CODE_LEVELS))))
        for name in ATTRIBUTES:
            values = np.array([each[name] for each in named])
            along = partial(_along, values, one[:, code], pairs.domains, FINEST.get(ATTRIBUTES[name], 1e-6))
            report.add(f"codes.{code + 1}.{name}", over_songs(pairs.songs, along, draws=200, chance=0.0))


def _along(
    values: Floats, code: Floats, domains: npt.NDArray[np.str_], least: float, rows: npt.NDArray[np.int64]
) -> float:
    return correlation(values[rows], code[rows], domains[rows], least)


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    run = style_run(argv, command="evaluate.codes", about=__doc__, limit=300, of="held-out songs")
    with exit_without_music():
        pairs = choose_pairs(run.windows, run.limit, run.seed)
    report = run.report(len(pairs.songs))
    codes_report(report, run.composer, pairs, run.seed)
    run.finish(report)


if __name__ == "__main__":
    main()
