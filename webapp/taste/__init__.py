"""What is known of a listener's taste: the overview, why a clip is liked, and blind tests of what is claimed.

Every claim comes with its doubt, and with a way to check it. Begin with ``overview``; ``explanation`` tells why a clip,
and what would have to change.
"""
