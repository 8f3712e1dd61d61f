"""What taste heads and policies are measured with: listeners' judgements, simulated pools, rival methods.

``study.load_study`` reads a folder of ratings or votes, ``pool`` composes clips for simulated listeners, ``methods``
has every way to predict a pick behind one interface. Begin with ``study.py``; the commands are in ``models.evaluate``.
"""
