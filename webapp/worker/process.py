"""The process of ``kallos worker``: its workers, each in a thread, until a signal stops them."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

from webapp.context import Context
from webapp.runtime.settings import Settings
from webapp.runtime.supervised_process import die_with_parent
from webapp.worker.beside import BankKeeper, FirstClips, RunLogWorker
from webapp.worker.notifications import Notifications
from webapp.worker.worker import START_SECONDS, Worker

REVIVE_AFTER_SECONDS = 5.0  # a fallen Postgres is the web's to start again, where there is a web
STOP_SECONDS = 5.0  # for those beside the worker to finish what they have in hand


def run_worker(settings: Settings) -> int:
    """``kallos worker``: work until SIGTERM or SIGINT; as a supervised child it ends with its parent."""
    die_with_parent()
    context = Context(settings, revive_after_s=REVIVE_AFTER_SECONDS)
    if wrong := context.wrong_model():
        print(wrong, file=sys.stderr)
        return 1
    told = Notifications(context.database)
    worker = Worker(context, notifications=told)
    beside = [FirstClips(context, told), RunLogWorker(context, told), BankKeeper(context, notifications=told)]

    def stop(_: int, __: FrameType | None) -> None:
        for each in (worker, *beside):
            each.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker.put_first_drafts()
    if worker.wait_for_schema():
        told.start()
        threads = [threading.Thread(target=each.run, name=type(each).__name__, daemon=True) for each in beside]
        threads.append(threading.Thread(target=worker.put_shipped, name="shipped", daemon=True))  # clips don't wait
        for thread in threads:
            thread.start()
        worker.wait_for_generator(START_SECONDS)  # both start at the same time
        worker.run()
        for thread in threads:
            thread.join(STOP_SECONDS)
    context.close()
    return 0
