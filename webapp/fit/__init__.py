"""Which fits better: questions about one piece and two pictures, or the reverse, and what the answers teach.

The answers are votes of a kind of their own: they teach a listener's tie between pictures and music and nothing of
their taste. Begin with ``questions``; ``learned`` says what came of them.
"""
