"""One router for each resource."""

from ninja import Router

from agenhood.api.routes import (
    agents,
    audit,
    conversations,
    credentials,
    members,
    projects,
    tasks,
    templates,
)

ROUTERS: list[tuple[str, Router]] = [
    ("/agents", agents.router),
    ("/templates", templates.router),
    ("/projects", projects.router),
    ("/credentials", credentials.router),
    ("/conversations", conversations.router),
    ("/tasks", tasks.router),
    ("/members", members.router),
    ("/audit", audit.router),
]
