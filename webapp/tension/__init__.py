"""Somebody's music as the tension model hears it: surprise, uncertainty and recognition along the notes.

Begin with ``heard_music`` for uploaded files, with ``own_music`` for what is here already.
"""
