"""The engine as a Ray Serve deployment: as many replicas, on as many machines, as what is asked for needs.

Each replica has one ``Engine`` and answers what a single generation server answers. One that stops finishes what it
has begun; what one that was killed had begun is composed again by another, alike, once the client asks again.
Needs the extra ``scale``. Source: Ray Serve's autoscaling of replicas by requests under way (docs.ray.io, Serve).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import ray
from fastapi import FastAPI
from ray import serve

from webapp.generation.protocol import GeneratorUnavailable
from webapp.generation.server import CPU_SLOTS, GPU_SLOTS, create_app, lacks_secret, load_engine
from webapp.runtime.supervised_process import WRONG_SETTING

NAME = "kallos"
QUEUED = 64  # requests that wait at a replica beyond those that it decodes
UPSCALE_SECONDS = 5.0  # of more to do than the replicas have places for, before one is added
DOWNSCALE_SECONDS = 60.0  # of less to do, before one goes
DRAIN_SECONDS = 180.0  # for a replica that stops to finish what it has begun: the longest that a client waits


class Replica:
    """One engine behind HTTP, in a process of Ray's."""

    def __init__(self, model: str, device: str, secret: str) -> None:
        self._engine = load_engine(model, device)
        self._secret = secret

    def __serve_build_asgi_app__(self) -> FastAPI:
        """What answers here."""
        return create_app(self._engine, self._secret)

    def check_health(self) -> None:
        """Ray Serve asks, and starts a replica anew where this raises."""
        if self._engine.health()["status"] != "ok":
            raise GeneratorUnavailable("the generation engine is closed")

    def __del__(self) -> None:
        self._engine.close()


def serve_replicas(
    host: str, port: int, device: str, *, model: str = "default", secret: str = "", most: int | None = None
) -> int:
    """Answer with one replica up to ``most`` until stopped; exit status.

    On the cluster that ``RAY_ADDRESS`` names, or on one of this machine alone. A replica takes a GPU where there are
    some, or else a core; ``most`` is by default as many as there are.
    """
    if wrong := lacks_secret(host, secret):
        print(wrong, file=sys.stderr)
        return WRONG_SETTING
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    here: dict[str, Any] = {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}
    ray.init(log_to_driver=False, **here)
    try:
        there = ray.cluster_resources()
        gpus, cores = int(there.get("GPU", 0)), int(there.get("CPU", 1))
        if device.startswith("cuda") and not gpus:
            print(f"KALLOS_DEVICE={device}: no machine of the cluster has a GPU; leave it out", file=sys.stderr)
            return WRONG_SETTING
        on_gpus = gpus > 0 and device != "cpu"
        serve.start(http_options={"host": host, "port": port})
        asked = {"model": model, "device": "cuda" if on_gpus else "cpu", "secret": secret}
        serve.run(_application(asked, most or (gpus if on_gpus else cores), on_gpus=on_gpus), name=NAME)
        print(f"Kallos composes at http://{host}:{port}", flush=True)
        _wait_for_signal()
        serve.delete(NAME)  # waits until the replicas have finished what they have begun
        serve.shutdown()
    finally:
        ray.shutdown()
    return 0


def _application(asked: dict[str, str], most: int, *, on_gpus: bool) -> serve.Application:
    slots = GPU_SLOTS if on_gpus else CPU_SLOTS
    deployment = serve.deployment(
        name="generator",
        max_ongoing_requests=slots + QUEUED,
        autoscaling_config={
            "min_replicas": 1,
            "max_replicas": most,
            "target_ongoing_requests": slots,
            "upscale_delay_s": UPSCALE_SECONDS,
            "downscale_delay_s": DOWNSCALE_SECONDS,
        },
        ray_actor_options={"num_gpus": 1} if on_gpus else {"num_cpus": 1},
        graceful_shutdown_timeout_s=DRAIN_SECONDS,
    )
    return deployment(serve.ingress()(Replica)).bind(**asked)


def _wait_for_signal() -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
