"""Maps: drawn by the worker, read by the pages."""
