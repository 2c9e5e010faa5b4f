"""What is typed or sent about a credential. Values go in here, and never come back."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.names import NamedForm
from agenhood.fleet.actions import credential as actions
from agenhood.fleet.forms.credential_kinds import (
    KINDS,
    PLAIN,
    SSH_KEY,
    TOKEN,
    Asks,
    validate_file_name,
)
from agenhood.fleet.forms.secret_inputs import LONGEST_FILE
from agenhood.fleet.models import Credential

Kind = Credential.Kind
TWICE = "store_again"


class _Expires(forms.Form):
    expires_on = forms.DateField(
        label="Expires on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day on which it works; a warning comes seven days before.",
    )

    def clean_expires_on(self) -> Any:
        day = self.cleaned_data["expires_on"]
        if day is None or "expires_on" not in self.changed_data:
            return day
        if day < timezone.localdate() or day.year > 9000:
            raise ValidationError("Choose today or a later day.")
        return day

    @property
    def expires_at(self) -> datetime | None:
        """The end of that day, in the person's time zone."""
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


def last_day(credential: Credential) -> Any:
    """Return the last day on which a credential works, as the person's calendar has it."""
    if credential.expires_at is None:
        return None
    return timezone.localtime(credential.expires_at - timedelta(microseconds=1)).date()


class _Value(forms.BaseForm):
    """The secret of a kind, once: the same value elsewhere in the workspace is pointed out.

    `secret` is what is sealed. `same` is a version that already holds it, if any.
    """

    kind: str
    auth: str = ""  # of Git, when it is known already
    credential: Credential | None = None  # the one that is rotated
    same: Any = None

    def add_secret_fields(self) -> None:
        for name, make in self.asks.secret.items():
            self.fields[name] = make()
        self.fields[TWICE] = forms.BooleanField(
            label="Store it nevertheless", required=False, widget=forms.HiddenInput
        )

    @property
    def asks(self) -> Asks:
        return KINDS[self.kind]

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if len(self.asks.secret) > 1:
            self._expect_one_of_two()
        self.secret = self._secret()
        if self.errors:
            return cleaned
        self.same = actions.stored_before(self.secret)
        if self.same is not None:
            self._point_out_the_same(cleaned)
        return cleaned

    def _expect_one_of_two(self) -> None:
        """Take back what the fields themselves said of being empty; `_secret` says what is due."""
        for name, errors in list(self.errors.as_data().items()):
            if name in self.asks.secret and errors[0].code == "required":
                del self.errors[name]

    def _point_out_the_same(self, cleaned: dict[str, Any]) -> None:
        other = self.same.credential
        if self.credential == other and self.same.number == other.current_version:
            self.add_error(self.secret_field, "This is the value that it has already.")
        elif not cleaned.get(TWICE):
            # Shown from now on, to be ticked: nobody stores a secret twice without noticing.
            self.fields[TWICE].widget = forms.CheckboxInput()
            whose = (
                f"an earlier version of this credential ({self.same})"
                if self.credential == other
                else f"the credential “{other}”{', which was revoked' if other.revoked_at else ''}"
            )
            self.add_error(
                self.secret_field,
                f"This workspace has this value already, as {whose}. To have it twice, enter it"
                " once more and tick “Store it nevertheless”.",
            )

    @property
    def secret_field(self) -> str:
        """The field that errors of the value stand at."""
        if self.kind == Kind.GIT:
            return "private_key" if self._auth == SSH_KEY else "token"
        return next(iter(self.asks.secret))

    @property
    def _auth(self) -> str:
        return self.auth or self.cleaned_data.get("auth", TOKEN)

    @sensitive_variables()
    def _secret(self) -> bytes:
        if self.kind == Kind.FILE:
            return self._file()
        text: str = self.cleaned_data.get(self.secret_field) or ""
        if not text and self.secret_field not in self.errors and not self.asks.may_be_empty:
            self.add_error(self.secret_field, "This field is required.")
        return text.encode()

    @sensitive_variables()
    def _file(self) -> bytes:
        upload, pasted = self.cleaned_data.get("upload"), self.cleaned_data.get("content") or ""
        if upload and pasted:
            self.add_error("content", "Choose a file or paste its content, not both.")
        elif not upload and not pasted and not {"upload", "content"} & self.errors.keys():
            self.add_error("upload", "Choose a file, or paste its content below.")
        content: bytes = upload.read() if upload else pasted.encode()
        if len(content) > LONGEST_FILE:
            self.add_error("content", "A file of at most 64 KiB can be kept as a credential.")
        return content


class _Described(NamedForm, forms.ModelForm, _Expires):
    """Name, expiry, and what the kind has in the open."""

    kind: str
    open_names: list[str]

    class Meta:
        model = Credential
        fields = ["name"]
        widgets: dict[str, Any] = {"name": forms.TextInput(attrs=PLAIN)}

    @property
    def open_fields(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in self.open_names}


class CredentialForm(_Value, _Described):
    """A new credential: `name`, `open_fields`, `secret` and `expires_at` are its parts."""

    def __init__(self, kind: str, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files)
        self.kind = kind
        expires = self.fields.pop("expires_on")
        for name, make in self.asks.open.items():
            self.fields[name] = make()
        self.open_names = [*self.asks.open]
        self.add_secret_fields()
        self.fields["expires_on"] = expires

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.kind == Kind.FILE and not cleaned.get("file_name") and cleaned.get("upload"):
            cleaned["file_name"] = cleaned["upload"].name
            try:
                validate_file_name(cleaned["file_name"])
            except ValidationError as error:
                self.add_error("file_name", error)
        elif self.kind == Kind.FILE and not cleaned.get("file_name") and not self.errors:
            self.add_error("file_name", "Give what you pasted a file name.")
        return cleaned


class CredentialEditForm(_Described):
    """All of a credential but its value. `seen` is the edition that the person read."""

    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    def __init__(self, data: Any = None, *, instance: Credential) -> None:
        stored = instance.fields
        self.kind = instance.kind
        asks = KINDS[self.kind]
        initial = stored | {"expires_on": last_day(instance), "seen": instance.edition}
        super().__init__(data, instance=instance, initial=initial)
        self._fixed = {name: stored.get(name, "") for name in asks.fixed}
        expires = self.fields.pop("expires_on")
        self.open_names = [name for name in asks.open if name not in asks.fixed]
        for name in self.open_names:
            self.fields[name] = asks.open[name]()
            if name == "file_name":
                self.fields[name].required, self.fields[name].help_text = True, ""
        self.fields["expires_on"] = expires

    @property
    def open_fields(self) -> dict[str, str]:
        return super().open_fields | self._fixed


class CredentialRotateForm(_Value, _Expires):
    """A new value for a credential. `seen` is the version that the person read."""

    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    def __init__(self, data: Any = None, files: Any = None, *, credential: Credential) -> None:
        super().__init__(data, files, initial={"seen": credential.current_version})
        self.credential, self.kind = credential, credential.kind
        self.auth = credential.fields.get("auth", "")
        expires = self.fields.pop("expires_on")
        self.add_secret_fields()
        if self.kind == Kind.GIT:
            unused = "token" if self.auth == SSH_KEY else "private_key"
            del self.fields[unused]
        # Not filled in: a new value seldom ends with the old one, and a stale day would cut it off.
        expires.help_text = f"The last day on which the new value works. {_present(credential)}"
        self.fields["expires_on"] = expires


def _present(credential: Credential) -> str:
    day = last_day(credential)
    if day is None:
        return "The present one does not expire; leave it empty if the new one does not either."
    verb = "expired" if credential.is_expired else "expires"
    return (
        f"The present one {verb} at the end of {day:%-d %b %Y};"
        " leave it empty if the new one does not expire."
    )
