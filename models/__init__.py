"""Everything that is music or learns from it: notes, statistics, networks, heads, maps. No database, no web.

The packages build on each other in this order: ``music`` (notes and files), ``metrics``, ``experiments`` (what commands
share), ``style`` (the generator), ``taste`` (what a listener likes), ``title`` (melodies and their names), ``atlas``
(maps); ``train`` and ``evaluate`` hold the commands. Begin with ``models.music.notes`` and ``models.style.compose``.
"""
