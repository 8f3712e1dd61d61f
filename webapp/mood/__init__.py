"""Moods of what is here, and the studio's pad: a piece is composed again on its way to a mood.

The generation server judges (``models.mood``); these notes are our own and need no process of their own.
"""
