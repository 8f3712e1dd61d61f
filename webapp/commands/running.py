"""Kallos itself: the page with all that it needs, or one of its processes alone."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from webapp.commands import Commands
from webapp.runtime.logs import set_up_logging
from webapp.runtime.settings import Settings
from webapp.runtime.supervised_process import WRONG_SETTING


def add_serve(commands: Commands) -> None:
    """Add ``kallos serve``."""
    serve = commands.add_parser("serve", help="run the page with everything that it needs")
    serve.add_argument("--host", help="where the page listens (KALLOS_HOST)")
    serve.add_argument("--port", type=int, help="0 takes any free port (KALLOS_PORT)")
    serve.add_argument("--open", action="store_true", help="open the page in a browser")
    serve.set_defaults(run=_serve)


def _serve(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.app import serve

    settings.prepare_home()
    set_up_logging(settings.home, "web")
    return serve(settings, open_browser=given.open)


def add_generator(commands: Commands) -> None:
    """Add ``kallos generator``."""
    generator = commands.add_parser("generator", help="run only the generation server")
    generator.add_argument("--host", default="127.0.0.1")
    generator.add_argument("--port", type=int, default=7861)
    generator.add_argument("--device", help="cpu, cuda or auto (KALLOS_DEVICE)")
    generator.add_argument("--ray", action="store_true", help="as replicas of a Ray Serve deployment (kallos[scale])")
    generator.add_argument("--replicas", type=int, metavar="N", help="with --ray: at most so many (one a GPU or core)")
    generator.set_defaults(run=_generator)


def _generator(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.generation.server import serve

    if wrong := _wrong_replicas(given):
        print(wrong, file=sys.stderr)
        return WRONG_SETTING
    settings.prepare_home()
    set_up_logging(settings.home, "generator")
    model, secret = str(settings.style_folder), settings.generator_secret
    if given.ray:
        from webapp.generation.ray_serve import serve_replicas

        return serve_replicas(given.host, given.port, settings.device, model=model, secret=secret, most=given.replicas)
    return serve(given.host, given.port, settings.device, model=model, secret=secret)


def _wrong_replicas(given: argparse.Namespace) -> str:
    """Why there can be no such replicas, in a line; empty where there can."""
    if given.ray and find_spec("ray") is None:
        return "--ray was given, but Ray is not installed: install it with `pip install 'kallos[scale]'`"
    if given.replicas is not None and not given.ray:
        return "--replicas was given without --ray; give both"
    if given.replicas is not None and given.replicas < 1:
        return f"--replicas {given.replicas}: at least one is needed"
    return ""


def add_worker(commands: Commands) -> None:
    """Add ``kallos worker``."""
    worker = commands.add_parser("worker", help="run only the worker, which fills the pool, composes and fits")
    worker.set_defaults(run=_worker)


def _worker(given: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001
    from webapp.worker import run_worker

    settings.prepare_home()
    set_up_logging(settings.home, "worker")
    return run_worker(settings)
