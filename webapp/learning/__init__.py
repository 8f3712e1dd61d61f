"""What votes teach: a listener's head, the population that heads begin from, and refits of both.

A head is a function of its votes alone, so it can be learned vote by vote or again from the start with the same result.
Begin with ``heads``.
"""
