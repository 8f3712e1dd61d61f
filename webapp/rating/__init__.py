"""Strangers' sounds, rated: decoded in a small process of its own each, heard by the network in another.

A sound is never stored. Nothing here needs the database. Begin with ``rated_sounds``.
"""
