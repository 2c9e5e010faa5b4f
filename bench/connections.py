"""Database connections that a measurement switches between, all in one process."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import environ
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend


def open_connection(url: str) -> BaseDatabaseWrapper:
    """Return an open connection that requests leave open, as the serving process's pool does."""
    settings = copy.deepcopy(connections.settings[DEFAULT_DB_ALIAS])
    settings |= environ.Env.db_url_config(url) | {"CONN_MAX_AGE": None}
    connection = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, DEFAULT_DB_ALIAS)
    connection.ensure_connection()
    return connection


@contextmanager
def through(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let Django use this connection for a block."""
    before = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connection
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = before
