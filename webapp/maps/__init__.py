"""Maps of clips, tunes and titles, drawn by a job and read by the page; and answers of the title towers from them.

A map is a file in the clip store; new points find their place without moving another. Begin with ``catalogue`` and
``open_maps``; ``atlas.Atlas`` holds what all of it works on.
"""
