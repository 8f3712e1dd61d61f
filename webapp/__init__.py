"""The web application of Kallos: one package a capability, what it needs below it, and the process that joins them.

``runtime`` is the floor; ``generation``, ``learning``, ``composing``, ``listening``, ``studio``, ``taste``,
``sharing``, ``rating``, ``tension``, ``maps``, ``research`` and ``listeners`` are the slices; ``api`` and ``ui`` are
their doors to the outside. ``context`` opens the parts of a process, ``supervision`` keeps its children running,
``worker`` does queued jobs.
"""
