"""The interface: Gradio with a theme of its own, components that bring their script and style, and pages made of them.

Handlers call a slice and hold no rules of their own. Begin with ``site``; ``docs/architecture.md`` says how to add
to it.
"""

import os

# Gradio reads these when it is imported: no look-ups, nothing sent anywhere
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
