"""Components that Gradio lacks: each a ``gr.HTML`` with its script and style beside it, its demo and its test.

``docs/architecture.md``, "The interface", says how to make one and when not to.
"""
