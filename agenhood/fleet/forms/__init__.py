"""What people may type about a fleet, and the REST API may send: one module for each noun."""

from agenhood.fleet.forms.project import ProjectForm

__all__ = ["ProjectForm"]
