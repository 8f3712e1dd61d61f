"""The pages: one file each, with one ``build()``."""

import os

# Gradio reads this when it is imported: no look-ups, nothing sent anywhere
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
