"""What models cost a workspace."""

import pytest

from agenhood.fleet.models import ModelPrice
from agenhood.fleet.views.price import dollars
from tests.factories import MembershipFactory, ModelPriceFactory
from tests.pages import error_at, page
from workspaces.roles import Role


@pytest.fixture
def admin(desk):
    person = MembershipFactory(workspace=desk.membership.workspace, role=Role.ADMIN)
    desk.client.force_login(person.user)
    return desk


def prices(desk):
    with desk.scope:
        return list(ModelPrice.objects.values_list("model", "input_micros", "output_micros"))


def sent(**changes):
    return {"model": "owl-1", "input_price": "0.15", "output_price": "2"} | changes


def test_a_price_is_given_changed_and_deleted(admin):
    admin.client.post(admin.url("price-create"), sent())
    assert prices(admin) == [("owl-1", 150_000, 2_000_000)]
    with admin.scope:
        price = ModelPrice.objects.get()
    edit = page(admin.client.get(admin.url("price-edit", price)))
    assert float(edit.one("input", name="input_price")["value"]) == 0.15

    admin.client.post(admin.url("price-edit", price), sent(output_price="0.000001"))
    assert prices(admin) == [("owl-1", 150_000, 1)]
    assert "$0.15" in page(admin.client.get(admin.url("price-list"))).text
    admin.client.post(admin.url("price-delete", price))

    assert prices(admin) == []
    assert [action for action, _ in admin.trail()[-3:]] == [
        "price.create",
        "price.change",
        "price.delete",
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": ""}, "model"),
        ({"model": "OWL-2"}, "model"),
        ({"input_price": "-1"}, "input_price"),
        ({"input_price": "NaN"}, "input_price"),
        ({"input_price": "1e9"}, "input_price"),
        ({"output_price": "0.0000001"}, "output_price"),
    ],
)
def test_what_is_no_price_is_refused_at_its_field(admin, changes, field):
    ModelPriceFactory(workspace=admin.membership.workspace, model="owl-2")

    response = admin.client.post(admin.url("price-create"), sent(**changes))

    assert error_at(response, field)
    assert len(prices(admin)) == 1


def test_an_operator_reads_prices_of_this_workspace_only(desk):
    ModelPriceFactory(workspace=desk.membership.workspace, model="owl-2")
    ModelPriceFactory(model="kestrel-1")

    shown = page(desk.client.get(desk.url("price-list")))

    assert "owl-2" in shown.text
    assert "kestrel-1" not in shown.text
    assert shown.all("a", class_="danger") == []
    assert desk.client.get(desk.url("price-create")).status_code == 403


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (150_000, "$0.15"),
        (3_000_000, "$3.00"),
        (10**10, "$10,000.00"),
    ],
)
def test_a_price_has_the_decimals_that_it_needs(micros, shown):
    assert dollars(micros) == shown
