"""Pictures and film: read, measured, and tied to music."""
