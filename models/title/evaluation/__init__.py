"""What title towers are measured with: test tunes, a ridge baseline, a genre probe, the figures of a study.

The commands ``models.evaluate.titles`` and ``models.train.title_study`` report them. Begin with ``material.py``, which
says what is tested on and what baselines and probes may learn from.
"""
