"""All figures of a style model, for ``models.evaluate.style`` and the end of a training on music of one's own."""

from __future__ import annotations

from models.experiments.arguments import exit_without_music
from models.experiments.report import Report, mean_over_songs
from models.style.evaluation.changed import changed
from models.style.evaluation.clips import choose_clips
from models.style.evaluation.editing import editing
from models.style.evaluation.interpolation import interpolation
from models.style.evaluation.quality import quality, speed
from models.style.evaluation.reconstruction import (
    fidelity_curve,
    reconstruction,
)
from models.style.evaluation.run import StyleRun
from models.style.evaluation.swaps import AMONG, found_among, several_swaps, swaps

FEWER = 100  # clips for interpolation and locks, which compose each of them many times


def evaluate(run: StyleRun) -> Report:
    """All figures of a style model; ends the command where there is too little music."""
    composer, seed = run.composer, run.seed
    with exit_without_music():
        clips = choose_clips(run.windows, run.limit, seed)
    report = run.report(len(clips.pieces))
    greedy = reconstruction(report, composer, clips, seed)
    fidelity_curve(report, composer, clips, seed)
    found = found_among(greedy, clips, seed)
    report.add("reconstruction.original_found", mean_over_songs(clips.songs, found, chance=1 / AMONG))
    swaps(report, composer, clips, seed)
    several_swaps(report, composer, clips, seed)
    interpolation(report, composer, clips.some(FEWER), seed)
    editing(report, composer, clips.some(FEWER), seed)
    changed(report, composer, clips, seed)
    quality(report, composer, clips, seed)
    speed(report, composer, seed)
    return report
