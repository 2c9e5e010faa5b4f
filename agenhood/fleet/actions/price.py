"""What is done with the prices of models, each inside the workspace's scope."""

from agenhood.fleet.forms.price import PriceForm
from agenhood.fleet.models import ModelPrice
from workspaces.audit import record
from workspaces.forms import save_or_refuse

RECORDED = ("model", "input_micros", "output_micros")


def create(form: PriceForm) -> bool:
    """Save a new price. False, with the error in the form, if there was one meanwhile."""
    if not save_or_refuse(form):
        return False
    price = form.instance
    record("price.create", price, changes={name: (None, getattr(price, name)) for name in RECORDED})
    return True


def change(form: PriceForm) -> bool:
    """Save another price: what tasks have cost until now stays. False as `create`."""
    before = ModelPrice.objects.get(pk=form.instance.pk)
    if not save_or_refuse(form):
        return False
    both = {name: (getattr(before, name), getattr(form.instance, name)) for name in RECORDED}
    changes = {name: (old, new) for name, (old, new) in both.items() if old != new}
    record("price.change", form.instance, changes=changes)
    return True


def delete(price: ModelPrice) -> None:
    """Forget a price: the provider's list price holds again, where one is known."""
    record("price.delete", price, changes={"model": (price.model, None)})
    price.delete()
