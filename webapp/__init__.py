"""The web application of Kallos: pages, services and the generation server."""
