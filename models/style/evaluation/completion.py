"""What a model of one's own needs beside its weights: directions for the studio's dials, and figures."""

from __future__ import annotations

from dataclasses import replace

from models.experiments.provenance import commit, data_hash
from models.metrics.intervals import FEW
from models.style.checkpoint import StyleBundle
from models.style.compose import Composer
from models.style.directions import Directions
from models.style.evaluation.clips import choose_clips
from models.style.evaluation.figures import evaluate
from models.style.evaluation.relations import fit_directions, measure
from models.style.evaluation.run import StyleRun
from models.style.training_data import RunMusic

DIALS = 200  # clips at most that directions are fitted on
ENOUGH = 60  # fewer say less of a direction than the model that the training went on from


def complete(bundle: StyleBundle, music: RunMusic, base: StyleBundle | None, *, clips: int, seed: int) -> None:
    """Write ``directions.json`` and ``evaluation.json`` into the bundle's folder; tell how to use it.

    The figures are of ``clips`` held-out clips, of none where that is 0 or there are fewer than ``FEW``; where nothing
    could be held out they are of what was trained on, and the card says so.
    """
    composer = Composer(bundle)
    run = StyleRun("evaluate.style", composer, music.held_out.pieces, music.held_out, clips, seed, save=True)
    directions_of(run, music, base).save(run.folder)
    held_out = len(choose_clips(run.windows, clips, seed).pieces) if clips > 0 else 0
    if composer.writer is None:
        print(
            f"{run.folder} needs a piece model that hears it before it composes and figures can be told: "
            f"python -m models.train.pieces FOLDER --latents {run.folder}"
        )
        return
    if 0 < held_out < FEW:
        print(f"no figures: held-out clips: {held_out}, {FEW} are needed; bring more music")
    elif held_out:
        run.finish(evaluate(run))
    print(f"play it with: KALLOS_MODEL={run.folder.absolute()} kallos serve")


def directions_of(run: StyleRun, music: RunMusic, base: StyleBundle | None) -> Directions:
    """The regression of the latents in this music; one that hardly varies moves as it does in the ``base``."""
    about = {**run.model, "data": {"hash": data_hash(music.pieces)}, "commit": commit(), "seed": run.seed}
    known = Directions.load(base.folder) if base and base.folder else None
    groups = dict(known.groups) if base and known and known.version == base.version else {}
    clips = choose_clips(music.windows, min(DIALS, len(music.windows)), run.seed)
    if len(clips.pieces) >= ENOUGH or not groups:
        found = fit_directions(run.composer, clips, measure(run.composer.model, clips, run.seed), about)
        for name, direction in found.groups.items():
            real = {**(groups[name].real if name in groups else {}), **direction.real}
            groups[name] = replace(direction, real=real)
    return Directions(about, groups)
