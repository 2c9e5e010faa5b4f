"""What models cost this workspace."""

from typing import Any
from uuid import UUID

from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.htmx import is_partial
from agenhood.fleet.actions import price as actions
from agenhood.fleet.forms.price import MICROS, PriceForm
from agenhood.fleet.models import ModelPrice
from agenhood.fleet.permissions import FleetPermission
from workspaces.permissions import requires
from workspaces.requests import MemberRequest

SHOWN = 500


@require_safe
@requires(FleetPermission.PRICE_VIEW)
def price_list(request: MemberRequest) -> HttpResponse:
    prices = ModelPrice.objects.order_by(Lower("model"))[:SHOWN]
    rows = [(price, dollars(price.input_micros), dollars(price.output_micros)) for price in prices]
    return render(request, "fleet/price_list.html", {"rows": rows})


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PRICE_EDIT)
def price_create(request: MemberRequest) -> HttpResponse:
    posted = request.method == "POST"
    form = PriceForm(request.POST if posted else None)
    if posted and form.is_valid() and actions.create(form):
        return redirect("fleet:price-list", request.workspace.slug)
    return _form(request, {"form": form})


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PRICE_EDIT)
def price_edit(request: MemberRequest, price_id: UUID) -> HttpResponse:
    price = _price(request, price_id)
    posted = request.method == "POST"
    form = PriceForm(request.POST if posted else None, instance=price)
    if posted and form.is_valid() and actions.change(form):
        return redirect("fleet:price-list", request.workspace.slug)
    if posted:
        price.refresh_from_db()  # a ModelForm leaves the rejected name on its instance
    return _form(request, {"form": form, "price": price})


@require_http_methods(["GET", "POST"])
@requires(FleetPermission.PRICE_EDIT)
def price_delete(request: MemberRequest, price_id: UUID) -> HttpResponse:
    price = _price(request, price_id)
    if request.method == "POST":
        actions.delete(price)
        return redirect("fleet:price-list", request.workspace.slug)
    return render(request, "fleet/price_delete.html", {"price": price})


def dollars(micros: int) -> str:
    """Return a price for people: as many decimals as it has, two at least."""
    whole, rest = divmod(micros, MICROS)
    return f"${whole:,}.{f'{rest:06}'.rstrip('0'):0<2}"


def _price(request: MemberRequest, price_id: UUID) -> ModelPrice:
    reads = request.method in ("GET", "HEAD")
    prices = ModelPrice.objects if reads else ModelPrice.objects.select_for_update()
    return get_object_or_404(prices, pk=price_id)


def _form(request: MemberRequest, context: dict[str, Any]) -> HttpResponse:
    template = "fleet/price_edit.html" + ("#form" if is_partial(request) else "")
    return render(request, template, context, status=422 if context["form"].is_bound else 200)
