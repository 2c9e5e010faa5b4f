"""The REST API under /api/v1/: the same scope, permissions, forms and actions as the pages.

A request carries a token, which names its workspace; no cookie, no session, no slug.
"""
