"""A film, or pictures, set to music: as a video with sound, as MIDI and as WAV; and music that moves pictures.

Begin with ``making`` for the one, with ``shown_music`` for the other.
"""
