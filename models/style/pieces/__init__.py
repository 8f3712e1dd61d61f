"""The writer: a language model of whole pieces that is conditioned on form, mood and bar latents.

Read ``conditions.py``, ``bar_latents.py`` and ``model.py``; then ``writing.py``, which writes step by step, and
``sampling.py``, whose ``Writer`` others call. ``data.py`` and ``training.py`` train it.
"""
