from tests.factories import (
    ConversationFactory,
    EventFactory,
    MembershipFactory,
    SavedViewFactory,
    TaskFactory,
    UserFactory,
)
from tests.isolation.url_rows.row import EDITORS, MANAGERS, READERS, Row, Things
from workspaces.models import Workspace

ROWS = [
    Row("fleet:history-list", READERS, get=200),
    Row(
        "fleet:history-export",
        EDITORS,
        post=302,
        sent={"format": "csv", "query": "state=failed"},
    ),
    Row(
        "fleet:history-view-create",
        READERS,
        get=200,
        post=302,
        sent={"name": "Sent by the test", "query": "state=failed"},
    ),
    # The view is somebody else's, who is a member as well: it is as if there were none.
    Row("fleet:history-view-delete", READERS, post=404, takes="savedview"),
    Row("fleet:conversation-list", READERS, get=200),
    Row("fleet:conversation-detail", READERS, get=200, takes="conversation"),
    Row("fleet:conversation-task", READERS, get=200, takes=("conversation", "task")),
    Row("fleet:conversation-event", READERS, get=200, takes=("conversation", "event")),
    Row("fleet:task-detail", READERS, get=200, takes="task"),
    Row("fleet:task-download", READERS, get=200, takes="task"),
    Row(
        "fleet:conversation-rename",
        EDITORS,
        get=200,
        post=302,
        takes="conversation",
        sent={"title": "Sent by the test"},
    ),
    Row("fleet:conversation-archive", EDITORS, post=302, takes="conversation"),
    Row(
        "fleet:conversation-restore",
        EDITORS,
        post=302,
        takes="conversation",
        unaudited="it is not archived",
    ),
    Row("fleet:conversation-delete", MANAGERS, get=200, post=302, takes="conversation"),
]


def things(workspace: Workspace) -> Things:
    conversation = ConversationFactory(
        workspace=workspace,
        title=f"{workspace.slug}-kestrel",
        agent__driver="command",
        agent__command="true",
    )
    task = TaskFactory(workspace=workspace, conversation=conversation, state="succeeded")
    event = EventFactory(workspace=workspace, task=task)
    fellow = UserFactory(email=f"fellow@{workspace.slug}.test")
    MembershipFactory(workspace=workspace, user=fellow)
    view = SavedViewFactory(workspace=workspace, person=fellow, name=f"{workspace.slug}-view")
    return {
        "conversation": conversation.pk,
        "task": task.pk,
        "event": event.pk,
        "savedview": view.pk,
    }
