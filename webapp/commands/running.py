"""Kallos itself: the page with all that it needs, or one of its processes alone."""

from __future__ import annotations

import argparse

from webapp.commands import Commands
from webapp.runtime.logs import set_up_logging
from webapp.runtime.settings import Settings


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
    generator.set_defaults(run=_generator)


def _generator(given: argparse.Namespace, settings: Settings) -> int:
    from webapp.generation.server import serve

    settings.prepare_home()
    set_up_logging(settings.home, "generator")
    model = str(settings.style_folder)
    secret = settings.generator_secret
    return serve(host=given.host, port=given.port, device=settings.device, model=model, secret=secret)


def add_worker(commands: Commands) -> None:
    """Add ``kallos worker``."""
    worker = commands.add_parser("worker", help="run only the worker, which fills the pool, composes and fits")
    worker.set_defaults(run=_worker)


def _worker(given: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001
    from webapp.worker import run_worker

    settings.prepare_home()
    set_up_logging(settings.home, "worker")
    return run_worker(settings)
