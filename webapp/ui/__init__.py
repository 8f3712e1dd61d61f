"""The pages: Gradio blocks made of components, each with its script and style beside it.

Handlers call a slice and hold no rules of their own. Begin with ``site``.
"""
