from decimal import Decimal
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from agenhood.api.access import ApiRequest, allowed
from agenhood.api.forms import checked, locked, saved
from agenhood.api.listing import Cursor, Listed, newest_first
from agenhood.api.replies import IDEMPOTENT, READS, WRITES
from agenhood.fleet.actions import price as actions
from agenhood.fleet.forms.price import MICROS, PriceForm
from agenhood.fleet.models import ModelPrice
from agenhood.fleet.permissions import FleetPermission

router = Router(tags=["Model prices"])


class PriceIn(Schema):
    """`input_micros` and `output_micros` are in millionths of a US dollar for a million tokens."""

    model: str = Field(min_length=1, max_length=100)
    input_micros: int = Field(ge=0, le=100_000 * MICROS)
    output_micros: int = Field(ge=0, le=100_000 * MICROS)


class PriceOut(Schema):
    id: UUID
    model: str
    input_micros: int
    output_micros: int


@router.get("", response={200: Listed[PriceOut]} | READS)
@allowed(FleetPermission.PRICE_VIEW)
def list_prices(request: ApiRequest, cursor: Query[Cursor]) -> dict[str, Any]:
    """List the workspace's own prices. Other models cost what their providers list."""
    return newest_first(ModelPrice.objects.all(), cursor)


@router.post("", response={201: PriceOut} | WRITES, openapi_extra=IDEMPOTENT)
@allowed(FleetPermission.PRICE_EDIT)
def create_price(request: ApiRequest, payload: PriceIn) -> Status[ModelPrice]:
    form = checked(PriceForm(_plain(payload)))
    saved(form, actions.create(form))
    return Status(201, form.instance)


@router.get("/{uuid:price_id}", response={200: PriceOut} | READS)
@allowed(FleetPermission.PRICE_VIEW)
def get_price(request: ApiRequest, price_id: UUID) -> ModelPrice:
    return get_object_or_404(ModelPrice.objects, pk=price_id)


@router.put("/{uuid:price_id}", response={200: PriceOut} | WRITES)
@allowed(FleetPermission.PRICE_EDIT)
def change_price(request: ApiRequest, price_id: UUID, payload: PriceIn) -> ModelPrice:
    price = locked(ModelPrice.objects, price_id)
    form = checked(PriceForm(_plain(payload), instance=price))
    saved(form, actions.change(form))
    return price


@router.delete("/{uuid:price_id}", response={204: None} | WRITES)
@allowed(FleetPermission.PRICE_EDIT)
def delete_price(request: ApiRequest, price_id: UUID) -> Status[None]:
    actions.delete(locked(ModelPrice.objects, price_id))
    return Status(204, None)


def _plain(payload: PriceIn) -> dict[str, Any]:
    return {
        "model": payload.model,
        "input_price": Decimal(payload.input_micros) / MICROS,
        "output_price": Decimal(payload.output_micros) / MICROS,
    }
