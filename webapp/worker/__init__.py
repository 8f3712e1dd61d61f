"""The worker: takes jobs from the queue, one at a time, and leaves a job itself whenever the pool needs clips.

Side workers compose first clips for new listeners, many at once, run what takes minutes in processes of their own, take
in the logs of training runs, and draw for the bank. A worker that is killed loses its lease and its job is taken again;
one that is asked to stop finishes its job. Begin with ``worker.Worker``.
"""

from webapp.worker.side_workers import BankKeeper, FirstClipWorker, LongTaskWorker, RunLogWorker, run_worker
from webapp.worker.worker import HANDLERS, Worker

__all__ = ["HANDLERS", "BankKeeper", "FirstClipWorker", "LongTaskWorker", "RunLogWorker", "Worker", "run_worker"]
