"""What the learned style codes say: ``python -m models.evaluate.codes [--data DIR] [--model PATH] [--save]``.

On songs never trained on, two windows of each without a bar in common. ``codes.agree`` is the share of codes that are
equal in both, ``codes.found`` how often a window's codes are nearest those of the song's other one among 100 songs of
its domain. ``codes.nll`` is what the notes of one window cost given the codes of the other, in nats a note (baseline:
codes in the middle; chance: another song's), ``codes.doubted.nll`` the same where the latents are heard with noise.
``codes.C.ATTRIBUTE`` is the Spearman correlation of a code with what is named, within domains, ``codes.C.bits`` its
entropy. ``--save`` keeps the figures beside the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.evaluate.report import Metric, Report, mean_over_songs, over_songs
from models.evaluate.style_run import enough_music, style_run
from models.evaluate.swaps import AMONG, FINEST, correlation
from models.metrics.music_statistics import ATTRIBUTES, attributes
from models.music.notes import DOMAINS, MusicError, Piece
from models.music.tokens import POSITION, POSITIONS, on_grid, to_tokens
from models.style.features import bar_features, gather_notes, style_features
from models.style.latents import CODE_LEVELS
from models.style.model import BARS, StyleModel
from models.style.windows import WindowSet, pad
from models.train.objective import BLUR
from models.train.presets import name_of

BATCH = 16
TOLD = ("position", "pitch", "duration", "velocity")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Two windows of each song, what it is called, and its domain."""

    one: list[Piece]
    two: list[Piece]
    songs: list[str]
    domains: npt.NDArray[np.str_]


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
    songs = [name_of(windows.pieces[int(windows.piece[first])]) for first, _ in found]
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
def cost(model: StyleModel, pairs: Pairs, codes: Tensor, *, doubt: float, seed: int) -> Floats:
    """Nats a note of each first window given its own latents and these ``codes``, ``(songs,)``."""
    out = np.empty(len(pairs.one))
    for row, piece in enumerate(pairs.one):
        tokens = tokens_of([piece])
        mean = model.encode(bar_features(gather_notes(tokens, BARS))).mean[None]
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed + row))
        domain = torch.tensor([DOMAINS.index(str(pairs.domains[row]))])
        heard = mean + BLUR * doubt * noise
        told = model.losses(tokens, domain, mean, codes[row : row + 1], doubt=doubt, heard=heard)
        notes = int((tokens[..., POSITION] < POSITIONS).sum())
        out[row] = sum(told[name].item() for name in TOLD) / notes
    return out


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


def codes_report(report: Report, model: StyleModel, pairs: Pairs, seed: int) -> None:
    """Add all of ``codes.*``."""
    own, second = codes_of(model, pairs.one), codes_of(model, pairs.two)
    other = second[others_of(pairs.domains, seed)]
    one, two, far = (codes.double().numpy() for codes in (own, second, other))
    report.add(
        "codes.agree",
        mean_over_songs(pairs.songs, (one == two).mean(1), chance=float((one == far).mean())),
    )
    among = np.minimum(AMONG, (pairs.domains[:, None] == pairs.domains).sum(1))
    hits = found_again(one, two, pairs.domains, seed)
    report.add("codes.found", mean_over_songs(pairs.songs, hits, chance=float((1 / among).mean())))
    for name, doubt in (("codes.nll", 0.0), ("codes.doubted.nll", 1.0)):
        told, middle, wrong = (
            cost(model, pairs, codes, doubt=doubt, seed=seed) for codes in (second, torch.zeros_like(second), other)
        )
        report.add(name, mean_over_songs(pairs.songs, told, baseline=float(middle.mean()), chance=float(wrong.mean())))
        report.add(f"{name}_gain", mean_over_songs(pairs.songs, wrong - told, chance=0.0))
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
    with enough_music():
        pairs = choose_pairs(run.windows, run.limit, run.seed)
    report = run.report(len(pairs.songs))
    codes_report(report, run.composer.model, pairs, run.seed)
    run.finish(report)


if __name__ == "__main__":
    main()
