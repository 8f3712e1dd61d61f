"""The tension model on somebody's music: surprise, uncertainty and recognition along the notes.

Begin with ``scored_files`` for uploaded files, with ``own_music`` for what is here already.
"""
