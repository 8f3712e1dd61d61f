"""Music in memory: notes and bars, readers and writers of MIDI and ABC, tokens, corpora, rendering to sound.

A ``notes.Piece`` is what all other packages take and return; ``corpora.load(name)`` and ``folder.read_folder`` give
pieces, ``midi.write_midi`` and ``render`` make files and sound of them. Begin with ``notes.py``, then ``tokens.py``.
"""
