"""What the taste page tells: what a listener loves, why they like a clip, and whether what is composed for them wins.

Every figure comes with its doubt. Begin with ``overview``.
"""
