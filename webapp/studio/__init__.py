"""The studio: a piece's styles turned or borrowed, parts of it locked, the rest composed again.

What a listener makes here is theirs alone until they share a link. Begin with ``composing``; ``studio.Studio`` holds
what all of it works on.
"""
