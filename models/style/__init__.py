"""The style model, which composes: bars as content and named styles, encoded, drawn from a prior, swapped and written.

``checkpoint.load_style`` gives a bundle, ``compose.Composer`` turns it into clips, latents, swaps and variations.
Begin with ``latents.py`` (what a clip is to the model), ``model.py`` and ``compose.py``. ``pieces`` writes all
music, ``performance`` plays it, and ``training.py`` and ``evaluation`` are what the commands run.
"""
