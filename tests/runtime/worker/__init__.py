"""Tasks, run by real workers: what becomes of them whatever happens meanwhile."""
