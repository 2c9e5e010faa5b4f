from tests.factories import PromptFactory, PromptLabelFactory, PromptVersionFactory
from tests.isolation.url_rows.row import EDITORS, READERS, Row, Things
from workspaces.models import Workspace

DETAILS = {"name": "Sent by the test", "description": "By the test"}
AT = ("prompt",)
LABEL = ("prompt", "label")
ROWS = [
    Row("fleet:prompt-list", READERS, get=200),
    Row(
        "fleet:prompt-create", EDITORS, get=200, post=302, sent=DETAILS | {"text": "Sent {{once}}."}
    ),
    Row("fleet:prompt-detail", READERS, get=200, takes=AT),
    Row("fleet:prompt-edit", EDITORS, get=200, post=302, takes=AT, sent=DETAILS),
    Row("fleet:prompt-archive", EDITORS, post=302, takes=AT),
    Row("fleet:prompt-restore", EDITORS, post=302, takes=AT, unaudited="it is not archived"),
    Row("fleet:prompt-delete", EDITORS, get=200, post=302, takes=AT),
    Row("fleet:prompt-version-list", READERS, get=200, takes=AT),
    Row(
        "fleet:prompt-version-create",
        EDITORS,
        get=200,
        post=302,
        takes=AT,
        sent={"text": "Sent by the test.", "base": "2"},
    ),
    Row("fleet:prompt-version-diff", READERS, get=200, takes=AT),
    Row(
        "fleet:prompt-version-preview",
        READERS,
        post=200,
        takes=AT,
        args=(2,),
        sent={"value-bird": "owl"},
        unaudited="it shows a text that its reader may see, and keeps nothing",
    ),
    Row(
        "fleet:prompt-label-move",
        EDITORS,
        post=302,
        takes=AT,
        sent={"name": "canary", "version": "2", "seen": "1"},
    ),
    Row("fleet:prompt-label-roll-back", EDITORS, post=302, takes=LABEL, sent={"seen": "1"}),
    Row("fleet:prompt-label-remove", EDITORS, get=200, post=302, takes=LABEL),
]


def things(workspace: Workspace) -> Things:
    """A prompt with two versions, and a label that was rolled back from the second once."""
    prompt = PromptFactory(workspace=workspace, name=f"{workspace.slug}-falconry")
    first, second = (
        PromptVersionFactory(
            workspace=workspace,
            prompt=prompt,
            number=number,
            text=f"Call the {{{{bird}}}} of {workspace.slug} {number} times.",
        )
        for number in (1, 2)
    )
    PromptLabelFactory(workspace=workspace, version=second)
    label = PromptLabelFactory(workspace=workspace, version=first, name="canary", earlier=[2])
    return {"prompt": prompt.pk, "label": label.pk}
