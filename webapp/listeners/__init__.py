"""Listeners as records: created, exported, imported, rewound, deleted, and rebuilt from the journal.

Deleting leaves nothing: rows, sound, journal and the id in the logs go. Begin with ``accounts``, where
``Records`` is what those work on who bring listeners back or delete them.
"""
