"""What a model costs, in US dollars for a million tokens, as providers list it."""

from decimal import Decimal
from typing import Any

from django import forms

from agenhood.fleet.models import ModelPrice

MICROS = 1_000_000


class _Dollars(forms.DecimalField):
    def __init__(self, label: str) -> None:
        super().__init__(
            label=label,
            min_value=Decimal(0),
            max_value=Decimal(100_000),
            decimal_places=6,
            help_text="US dollars for a million tokens.",
        )


class PriceForm(forms.ModelForm):
    """`input_price` and `output_price` are in dollars; stored are millionths of one."""

    input_price = _Dollars("Input tokens")
    output_price = _Dollars("Output tokens")

    class Meta:
        model = ModelPrice
        fields = ["model"]
        widgets: dict[str, Any] = {
            "model": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
        }
        help_texts: dict[str, Any] = {"model": "As agents name it, such as claude-sonnet-4-5."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        instance = kwargs.get("instance")
        if instance is not None:
            prices = {
                "input_price": Decimal(instance.input_micros) / MICROS,
                "output_price": Decimal(instance.output_micros) / MICROS,
            }
            kwargs["initial"] = prices | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)

    def save(self, commit: bool = True) -> Any:
        self.instance.input_micros = int(self.cleaned_data["input_price"] * MICROS)
        self.instance.output_micros = int(self.cleaned_data["output_price"] * MICROS)
        return super().save(commit)
