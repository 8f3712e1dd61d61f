"""A film, or pictures, set to music: as a video with sound, as MIDI and as WAV.

Begin with ``making``.
"""
