"""What a listener hears and answers: pairs, best of four, votes, and clips like the one that was picked.

A vote is stored once, with the prediction made before it, and the head learns in the same transaction. Begin with
``votes``.
"""
