"""What leaves one listener's page: taste cards behind a link, and music for two listeners who agreed to it.

Nothing is shared before it is asked for, and withdrawing deletes it. Begin with ``taste_cards`` and ``for_two``.
"""
