"""What every training and evaluation command shares: arguments, music, reports, provenance, logs, optimiser state.

A command reads its arguments with ``arguments``, its music with ``dataset``, and prints a ``report.Report``, whose last
line is one JSON object; a training writes a ``run_log.RunLog`` and resumes from what the classes of ``optimisation``
saved. Begin with ``report.py``.
"""
