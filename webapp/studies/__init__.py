"""Listening studies that a researcher designs and publishes without writing code.

A ``design`` is checked when it is made and frozen when the study opens; ``participation`` leads one participant through
it, and ``report`` and ``dataset`` say what came of it. Begin with ``design.py``, then ``participation.py``.
"""
