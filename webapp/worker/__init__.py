"""The worker: takes jobs from the queue, one at a time, and leaves a job itself whenever the pool needs clips.

Who waits for a first clip of their own is served beside it, many at once, a third worker takes in the logs of training
runs, and a fourth draws for the bank. A worker that is killed loses its lease and its job is taken again; one that is
asked to stop finishes its job. Begin with ``worker.Worker``.
"""

from webapp.worker.beside import BankKeeper, FirstClips, RunLogWorker, run_worker
from webapp.worker.worker import HANDLERS, Worker

__all__ = ["HANDLERS", "BankKeeper", "FirstClips", "RunLogWorker", "Worker", "run_worker"]
