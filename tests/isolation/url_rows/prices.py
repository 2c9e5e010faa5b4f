from tests.factories import ModelPriceFactory
from tests.isolation.url_rows.row import MANAGERS, READERS, Row, Things
from workspaces.models import Workspace

PRICE = {"model": "sent-by-the-test", "input_price": "1", "output_price": "2.5"}
ROWS = [
    Row("fleet:price-list", READERS, get=200),
    Row("fleet:price-create", MANAGERS, get=200, post=302, sent=PRICE),
    Row("fleet:price-edit", MANAGERS, get=200, post=302, takes="price", sent=PRICE),
    Row("fleet:price-delete", MANAGERS, get=200, post=302, takes="price"),
]


def things(workspace: Workspace) -> Things:
    return {"price": ModelPriceFactory(workspace=workspace, model=f"{workspace.slug}-model").pk}
