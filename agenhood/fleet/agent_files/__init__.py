"""An agent's directory, which lives across its tasks, as the console and its sandbox see it.

What is in it is hostile: links that point out, pipes that never end, names that deceive, trees
without a bottom. Every path from outside goes through the kernel's own `openat2`, which follows no
link and leaves the directory nowhere. Show names through `agenhood.fleet.hostile`.

    listing(agent, "out")              what a folder holds, folders first; "" is the directory
    walk(agent, "out")                 every file below a folder, with its path, within limits
    with open_file(agent, path) as f   a plain file, for reading; hold it no longer than needed
    store(agent, path, chunks)         write a file, over the one that is there
    remove(agent, path)                a file, or a folder with all that is in it; "" empties it
    usage(agent)                       bytes that it takes of `agent.disk_mb`

They take no database connection and need no scope. All raise FileRefused, whose text is for
people; where the directory cannot be reached at all on this machine that is PlaceUnusable.
"""

from agenhood.fleet.agent_files.files import (
    Entry,
    listing,
    open_file,
    remove,
    store,
    usage,
    walk,
)
from agenhood.fleet.agent_files.place import Place, PlaceUnusable, Usage
from agenhood.fleet.agent_files.refusal import FileRefused

__all__ = [
    "Entry",
    "FileRefused",
    "Place",
    "PlaceUnusable",
    "Usage",
    "listing",
    "open_file",
    "remove",
    "store",
    "usage",
    "walk",
]
