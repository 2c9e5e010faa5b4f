"""One router for each resource."""

from ninja import Router

from agenhood.api.routes import (
    agents,
    artifacts,
    audit,
    conversations,
    credentials,
    members,
    projects,
    prompts,
    tasks,
    templates,
)

ROUTERS: list[tuple[str, Router]] = [
    ("/agents", agents.router),
    ("/templates", templates.router),
    ("/projects", projects.router),
    ("/prompts", prompts.router),
    ("/credentials", credentials.router),
    ("/conversations", conversations.router),
    ("/tasks", tasks.router),
    ("/artifacts", artifacts.router),
    ("/members", members.router),
    ("/audit", audit.router),
]
