"""Artifacts' files: what they are, and how they are shown and handed out."""

STORAGE = "artifacts"
