"""Uploaded sounds, rated: decoded in a small process of its own each, rated by the network in another.

A sound is never stored, and nothing here needs the database. Dreams run in a process as well.
Begin with ``rated_sounds``.
"""
