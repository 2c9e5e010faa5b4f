"""Invitations: how people who are no members yet get into a workspace. See docs/people.md."""
