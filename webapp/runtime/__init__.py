"""What every slice stands on: settings, the open database, the journal, the clip store, logs, limits and errors.

Nothing here knows about music, taste or pages. Begin with ``settings`` and ``database``.
"""
