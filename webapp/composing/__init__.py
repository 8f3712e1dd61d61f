"""From a wish to a playable clip: search, compose, screen, render, store; and the pool of clips for everybody.

Jobs are left by the web and done by the worker. Begin with ``wishes`` (what is asked for) and
``clip_maker`` (how it is made).
"""
