"""One router for each resource."""

from ninja import Router

from agenhood.api.routes import (
    agents,
    approvals,
    artifacts,
    audit,
    conversations,
    credentials,
    exports,
    members,
    prices,
    projects,
    prompts,
    saved_views,
    schedules,
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
    ("/approvals", approvals.router),
    ("/schedules", schedules.router),
    ("/prices", prices.router),
    ("/artifacts", artifacts.router),
    ("/saved-views", saved_views.router),
    ("/exports", exports.router),
    ("/members", members.router),
    ("/audit", audit.router),
]
