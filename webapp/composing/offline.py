"""Composing into files: no server, no database, the same notes again for the same arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from models.music.midi import write_midi
from models.music.notes import DOMAINS, Domain, Piece
from models.music.render import encode_lossless, encode_mp3, render
from models.style.checkpoint import load_style
from models.style.compose import Composer
from models.style.drafting import draft_each, play_each
from models.style.fingerprint import rejection_reason
from models.style.latents import BARS
from models.style.performance import touch
from models.style.pieces.sampling import returns_of_form

TOGETHER = 8  # pieces written side by side
TRIED = 8  # times as many as requested, where pieces turn out broken
MOST_BARS = 64
MOST = 1_000  # files are numbered with three digits
LEAST_BARS_OF_A_WHOLE = 4  # fewer may well have few notes, or long ones
BROKEN_AT_ANY_LENGTH = ("silent", "too_dense", "copy")


class NothingComposedError(RuntimeError):
    """Nearly all that was composed is broken."""


@dataclass(frozen=True)
class Task:
    """``count`` pieces of so many ``bars`` in a ``domain``: openings up to eight, whole pieces with more."""

    domain: Domain
    count: int
    seed: int
    bars: int
    form: str = ""

    @classmethod
    def checked(cls, domain: str, count: int, seed: int, bars: int, form: str = "") -> Task:
        """A task of what somebody typed; raises ``ValueError`` for what can't be composed."""
        known = {name: name for name in DOMAINS}
        if domain not in known:
            raise ValueError(f"domain {domain!r} was given; there are {', '.join(DOMAINS)}")
        if not 1 <= count <= MOST:
            raise ValueError(f"a count of {count} was given; 1 to {MOST} pieces can be composed")
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed {seed} was given; it must be 0 or more, and below 2^63")
        if not 1 <= bars <= MOST_BARS:
            raise ValueError(f"{bars} bars were asked for; a piece has 1 to {MOST_BARS}")
        if form and bars <= BARS:
            raise ValueError(f"the form {form} was asked for; a piece with a form has more than {BARS} bars")
        returns_of_form(form, bars)
        return cls(known[domain], count, seed, bars, form)


def compose(composer: Composer, task: Task) -> Iterator[Piece]:
    """The pieces one after the other; broken ones are left out and composed anew.

    Raises ``NothingComposedError``.
    """
    found = 0
    for begin in range(0, TRIED * (task.count + TOGETHER), TOGETHER):
        seeds = [_seed(task.seed, begin + place) for place in range(TOGETHER)]
        # Always a whole batch: what stands beside a clip changes its last decimals, and so, rarely, a note.
        for piece in _composed(composer, task, seeds):
            if not _is_broken(composer, task, piece):
                yield piece
                found += 1
                if found == task.count:
                    return
    raise NothingComposedError(f"only {found} of the pieces composed are whole; try another seed or more bars")


def compose_files(
    task: Task, folder: Path, model: Path, device: str, *, sounds: Sequence[str] = (), played: bool = False
) -> None:
    """Write ``000.mid`` and so on into ``folder``, and show progress; ``sounds`` (wav, mp3) are written beside them.

    They are as written, exactly on the grid, or ``played`` as a pianist might.

    Raises ``ValueError`` or ``OSError`` where the model can't be used or the folder not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # how many there are changes the last decimals
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    composer = Composer(load_style(str(model), device), device)
    if task.bars > BARS and composer.writer is None:
        raise ValueError(f"{task.bars} bars were asked for; this model composes 1 to {BARS}, for it has no piece model")
    pieces = compose(composer, task)
    for number, piece in enumerate(track(pieces, "composing", task.count, console=Console(stderr=True))):
        path = folder / f"{number:03}.mid"
        performance = touch.play(piece, task.domain) if played else None
        path.write_bytes(write_midi(piece, performance))
        if not sounds:
            continue
        audio = render(piece, None, performance)
        for form in sounds:
            sound = encode_mp3(audio) if form == "mp3" else encode_lossless(audio, form)
            path.with_suffix(f".{form}").write_bytes(sound)


def _seed(seed: int, number: int) -> int:
    """Of the piece with this number: no piece of another seed has it."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _composed(composer: Composer, task: Task, seeds: list[int]) -> list[Piece]:
    """A piece for each seed: an opening, whole pieces where these are longer than that."""
    if task.bars > BARS and composer.writer:
        return composer.writer.wholes(task.domain, [[seed] for seed in seeds], task.bars, task.form)
    drafts = draft_each(composer, [task.domain] * len(seeds), seeds)
    return play_each(composer, task.domain, drafts, seeds, task.bars)


def _is_broken(composer: Composer, task: Task, piece: Piece) -> bool:
    fault = rejection_reason(piece, composer.bundle.fingerprint)
    if task.bars < LEAST_BARS_OF_A_WHOLE:
        return fault in BROKEN_AT_ANY_LENGTH
    return fault is not None
