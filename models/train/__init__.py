"""Training commands, one a file: ``python -m models.train.NAME [--data DIR] [--out DIR] [--resume] [--seed N]``.

Each reads arguments, calls the training loop in its model's own package (``models.style.training``,
``models.title.training``), logs as it goes and can be resumed. Begin with ``style.py``.
"""
