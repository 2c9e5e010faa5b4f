"""Where the fleet's pages stand in the console."""

from agenhood.fleet.permissions import FleetPermission
from workspaces.sections import Section, add

add(Section("agents", "Agents", "agents", "fleet:agent-list", FleetPermission.AGENT_VIEW, 5))
add(
    Section(
        "projects", "Projects", "projects", "fleet:project-list", FleetPermission.PROJECT_VIEW, 10
    )
)
add(
    Section(
        "credentials",
        "Credentials",
        "key",
        "fleet:credential-list",
        FleetPermission.CREDENTIAL_VIEW,
        50,
    )
)
add(
    Section(
        "history",
        "History",
        "history",
        "fleet:history-list",
        FleetPermission.HISTORY_VIEW,
        30,
        nouns=("conversation", "task", "approval"),
    )
)
add(
    Section(
        "artifacts",
        "Artifacts",
        "artifacts",
        "fleet:artifact-list",
        FleetPermission.ARTIFACT_VIEW,
        40,
    )
)
add(Section("prompts", "Prompts", "prompts", "fleet:prompt-list", FleetPermission.PROMPT_VIEW, 20))
add(
    Section(
        "schedules",
        "Schedules",
        "clock",
        "fleet:schedule-list",
        FleetPermission.SCHEDULE_VIEW,
        25,
    )
)
add(Section("prices", "Model prices", "price", "fleet:price-list", FleetPermission.PRICE_VIEW, 55))
