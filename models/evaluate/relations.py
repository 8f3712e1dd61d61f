"""Relations between styles: ``python -m models.evaluate.relations [--data DIR] [--model PATH] [--save]``.

On songs never trained on. In the music: ``data.A.B.spearman`` and ``data.A.B.bits`` (mutual information; chance: clips
shuffled) of every two named attributes. In the latents: ``rate.GROUP.bits_per_bar`` and ``rate.GROUP.open`` (dimensions
that carry something; reference: all there are); ``read.ATTRIBUTE.GROUP``, the share of an attribute (R²) that a ridge
regression finds in a group's latents on songs that it was not fitted on; ``canonical.GROUP.GROUP``, the correlation of
two groups' most correlated directions, bar by bar, on such songs, and ``canonical.GROUP.GROUP.bits`` their mutual
information (chance: clips shuffled).

All within domains. Latents are draws from the posterior, which is what the decoder learned from: of a dimension that
says nothing a mean may still tell much. ``read``: the reference is the attribute's own group, chance is shuffled clips,
and the baseline is what the attributes that name the other group tell, for music itself relates styles. ``--save``
keeps the figures and the data's regression directions beside the weights.
"""

from __future__ import annotations

from models.experiments.arguments import exit_without_music
from models.experiments.provenance import commit
from models.metrics.disentanglement import folds_of
from models.style.evaluation.clips import choose_clips
from models.style.evaluation.relations import (
    fit_directions,
    in_data,
    in_latents,
    measure,
)
from models.style.evaluation.run import style_run


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    run = style_run(argv, command="evaluate.relations", about=__doc__, limit=500, of="held-out clips")
    with exit_without_music():
        clips = choose_clips(run.windows, run.limit, run.seed)
        music = measure(run.composer.model, clips, run.seed)
        folds_of(music.songs)
    report = run.report(len(clips.pieces))
    in_data(report, music, run.seed)
    in_latents(report, music, run.seed)
    if run.save:
        about = {**run.model, "data": dict(report.data), "commit": commit(), "seed": run.seed}
        fit_directions(run.composer, clips, music, about).save(run.folder)
    run.finish(report)


if __name__ == "__main__":
    main()
