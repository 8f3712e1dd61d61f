"""Pages: one file a page, each with one build()."""
