"""Music without end, composed bar after bar by what a camera sees or where somebody points on a map of pictures.

``music`` composes the next bar by what is seen, for a few visitors at once. ``performing`` plays on the operator's
machine, with OSC and MIDI. Begin with ``music``.
"""
