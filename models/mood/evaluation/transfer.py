"""Which element carries a mood: one style of a clip in another quadrant is put onto a clip, and both are judged."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from models.experiments.report import Report, ratio_over_songs
from models.mood.checkpoint import MoodBundle
from models.style.compose import Composer
from models.style.evaluation.clips import Clips, compose_all
from models.style.latents import STYLE_GROUPS

IntArray = npt.NDArray[np.int64]

ALL = "all"


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
    all. ``all`` swaps every group at once. What decoding alone changes is taken off: the clip is decoded with the same
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
