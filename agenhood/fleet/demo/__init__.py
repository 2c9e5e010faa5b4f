"""Recorded work for the demo workspaces, so that each screen has something to show."""
