"""The HTTP interface under ``/api``: one file a subject, identity and limits; handlers only translate.

Every refusal is ``{error}``: what was given, what is allowed, what to do. Begin with ``listening``; what the routers
share is in ``dependencies``.
"""
