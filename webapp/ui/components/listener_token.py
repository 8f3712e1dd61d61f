"""Who is listening, as a component: the value that handlers take to know whose picks and clips they are about."""

from __future__ import annotations

from typing import Any

from webapp.ui.components.component import Component, address

# Before a handler is asked: whoever is quicker than the greeting waits for it, and once everything was deleted here
# nothing is asked any more.
AWAIT = """async (token, ...given) => {
  const { greeted, token: known } = await import(new URL("%s/shared/api.js", document.baseURI).href);
  if (document.body.classList.contains("k-gone")) return new Promise(() => {});
  if (!token) await greeted();
  return [token ?? known(), ...given];
}"""


class ListenerToken(Component):
    """The listener's token, as an invisible component; its value is what the HTTP interface calls a bearer token.

    The browser keeps the token in its storage, or in the page's memory where a frame is denied storage, and Gradio
    sends no header of ours with its requests. So every handler that needs to know who is asking takes this component as
    an input and gets the token as a string (``None`` before it is known). ``change`` is fired once, when the listener
    is known; a page that shows what belongs to them loads it then::

        with page("taste") as listener:
            bars = gr.Plot()
            listener.change(show_taste, inputs=listener, outputs=bars)

    What somebody may do before that, and what a timer asks for, takes ``js=listener.awaited``, with the listener as its
    first input: it is then done as soon as they are known, and never after everything was deleted. The same argument is
    the token in the named endpoints (``gradio_client``), where no browser is.
    """

    script = "listener_token.js"

    def __init__(self, value: str | None = None, **settings: Any) -> None:
        super().__init__(value, visible="hidden", **settings)
        self.awaited = AWAIT % address()
