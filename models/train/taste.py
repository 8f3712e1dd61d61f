"""Fit the taste space of a style model: ``python -m models.train.taste [--model NAME] [--data DIR] [--clips N]``.

Encodes clips of the corpora's training part, measures their attributes and writes ``taste.safetensors`` and
``taste.json`` beside the model's weights. Nothing here is a listener's: it is the ruler that tastes are measured by.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table

from models.metrics.music_statistics import ATTRIBUTES, attributes
from models.music.grouping import split
from models.music.notes import DOMAINS, MusicError, Piece
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.windows import make_windows
from models.taste.space import TasteSpace, summary
from models.train.presets import training_pieces

NAMES = tuple(ATTRIBUTES)


@dataclass(frozen=True)
class MeasuredClips:
    """Clips as summaries of their latents ``(N, D)``, attributes of their notes ``(N, A)`` and domains ``(N,)``."""

    summaries: npt.NDArray[np.float32]
    attributes: npt.NDArray[np.float64]
    domains: list[str]


def attribute_row(piece: Piece) -> list[float]:
    """The attributes of a clip in the order of ``NAMES``."""
    found = attributes(piece)
    return [found[name] for name in NAMES]


def clips_of(pieces: Sequence[Piece], count: int, seed: int) -> list[Piece]:
    """At most ``count`` eight-bar clips of each domain, without repeats; raises ``MusicError`` where none fits."""
    windows = make_windows(pieces)
    generator = np.random.default_rng(seed)
    drawn: list[Piece] = []
    for domain in range(len(DOMAINS)):
        there = np.flatnonzero(windows.domain == domain)
        drawn += [windows.clip(int(index)) for index in generator.permutation(there)[:count]]
    return drawn


def measure(composer: Composer, clips: Sequence[Piece], *, quiet: bool = False) -> MeasuredClips:
    """Encode and measure ``clips``; those that cannot be encoded are left out."""
    summaries, rows, domains = [], [], []
    for clip in track(clips, "clips", disable=quiet):
        try:
            summaries.append(summary(composer.encode(clip)))
        except MusicError:
            continue
        rows.append(attribute_row(clip))
        domains.append(str(clip.domain))
    if not rows:
        raise MusicError("none of the clips can be encoded")
    return MeasuredClips(np.stack(summaries), np.array(rows), domains)


def fit_space(composer: Composer, pieces: Sequence[Piece], *, clips: int, seed: int, quiet: bool = False) -> TasteSpace:
    """The taste space of ``composer``'s model, from at most ``clips`` clips of each domain."""
    found = measure(composer, clips_of(pieces, clips, seed), quiet=quiet)
    return TasteSpace.fit(found.summaries, found.attributes, NAMES, composer.version, domains=found.domains)


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(prog="python -m models.train.taste", description=__doc__)
    parser.add_argument("--model", default="default", help="a shipped style model or a folder with card.json")
    parser.add_argument("--data", type=Path, help="folder of MIDI and ABC files instead of the corpora")
    parser.add_argument("--clips", type=int, default=2000, help="at most so many clips of each domain")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    bundle = load_style(arguments.model)
    if bundle.folder is None:
        raise SystemExit("this style model has no folder to write a taste space into")
    pieces = split(training_pieces(arguments.data), seed=0)["train"]
    space = fit_space(Composer(bundle), pieces, clips=arguments.clips, seed=arguments.seed)
    space.save(bundle.folder / "taste")
    table = Table(
        "style", "attribute", "variance found", title=f"taste space of {space.version}, {space.size} features"
    )
    for name, explained in zip(space.names, space.explained, strict=True):
        table.add_row(ATTRIBUTES[name], name, f"{explained:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
