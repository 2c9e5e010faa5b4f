"""What a page is told while it is open: events of tasks and states of agents, as they come.

A stream of server-sent events is answered beside Django's handler (`route`), which would hold a
thread for each. `admission` asks once who may watch; `listener` is told by the database that
something has changed; `hub` reads it once for all who watch it; `replay` is what it reads; `watch`
asks every few seconds whether each of them still may.
"""
