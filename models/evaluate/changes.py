"""How often music that somebody changed is told from real music: ``python -m models.evaluate.changes [--data DIR]``.

One style of another clip, a dial turned, halfway to another clip, bars that stay while the others are composed anew,
and a tune in all styles of another: each composed as the application composes it, from held-out clips.
``models.evaluate.style`` has these figures among others.
"""

from __future__ import annotations

from models.experiments.arguments import exit_without_music
from models.style.evaluation.changed import changed
from models.style.evaluation.clips import choose_clips
from models.style.evaluation.run import style_run


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    run = style_run(argv, command="evaluate.changes", about=__doc__, limit=500, of="held-out clips")
    with exit_without_music():
        clips = choose_clips(run.windows, run.limit, run.seed)
    report = run.report(len(clips.pieces))
    changed(report, run.composer, clips, run.seed)
    run.finish(report)


if __name__ == "__main__":
    main()
