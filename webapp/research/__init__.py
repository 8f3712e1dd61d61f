"""What researchers see: training runs, studies of title towers, the style model's tables, and listeners of a study.

Figures are pure functions from data frames (``plots``), traced to a run, a data hash and a commit.
Begin with ``figures``.
"""
