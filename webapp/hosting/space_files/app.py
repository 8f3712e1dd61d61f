"""Kallos on a Hugging Face Space: all in one container, which is not root and whose disk is lost at a restart."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULTS = {
    "KALLOS_HOST": "0.0.0.0",  # the container's only door is the Space's proxy
    "KALLOS_PORT": "7860",
    "KALLOS_TRUSTED_PROXIES": "10.0.0.0/8,127.0.0.1,::1",
    "GRADIO_ANALYTICS_ENABLED": "False",
}

for name, value in DEFAULTS.items():
    os.environ.setdefault(name, value)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))  # its children's

from webapp.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["serve"]))
