"""Evaluate a style model on songs that it never saw: ``python -m models.evaluate.style [--data DIR] [--model PATH]``.

Reconstruction (8 bars encoded and written again), swaps of every style group, quality of music from the prior
beside real held-out clips, and speed. Music given with ``--data`` is all test data; otherwise the test part of the
corpora's split is used. Definitions: the project's contracts, ``models.metrics.music_statistics``.
"""

from __future__ import annotations

from models.style.evaluation.run import evaluate, style_run


def main(argv: list[str] | None = None) -> None:
    """Command line; see the module docstring."""
    run = style_run(argv, command="evaluate.style", about=__doc__, limit=500, of="held-out clips")
    run.finish(evaluate(run))


if __name__ == "__main__":
    main()
