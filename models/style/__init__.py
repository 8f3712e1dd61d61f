"""The style model: content and styles taken apart and put together again."""
