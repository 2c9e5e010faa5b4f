"""What is said when an agent's file is not touched."""


class FileRefused(Exception):
    """The file is not there, is no plain file, or may not be touched; the message says which."""


class PlaceUnusable(FileRefused):
    """The agent's directory cannot be reached on this machine; the message says why."""
