"""Measures: statistics of clips, retrieval, preference, disentanglement, two-sample tests, confidence intervals.

Functions of arrays and pieces that know no model, each with the source of its definition. Begin with
``music_statistics.py`` for what is measured in notes and ``intervals.py`` for how sure a figure is.
"""
