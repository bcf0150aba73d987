"""What people type about projects. The rules themselves are in `projects.actions`, for pages and API alike; a form
carries the text, and shows what was refused beside its field."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms

from projects.errors import ProjectError

PORT_PREFIX = "port."


class RefusableForm(forms.Form):
    """A form that can be refused by a use case."""

    # Which input an error belongs to, where the use case calls it otherwise.
    inputs: dict[str, str] = {}

    def refuse(self, error: ProjectError) -> None:
        """Show the error beside its input, or above the form when it has none."""
        name = self.inputs.get(error.field, error.field)
        text = f"{error.message} {error.hint}".strip()
        self.add_error(name if name in self.fields else None, text)


class ProjectForm(RefusableForm):
    """A new project."""

    path = forms.CharField(required=False, strip=False, max_length=5000)
    name = forms.CharField(required=False, strip=False, max_length=5000)
    engine = forms.CharField(required=False, max_length=40)
    node = forms.CharField(required=False, max_length=5000)
    autostart = forms.BooleanField(required=False)


class CopyForm(RefusableForm):
    """A copy of a project: its name, and where its code comes from."""

    name = forms.CharField(required=False, strip=False, max_length=5000)
    path = forms.CharField(required=False, strip=False, max_length=5000)
    branch = forms.CharField(required=False, max_length=300)
    with_data = forms.BooleanField(required=False)


class SettingsForm(RefusableForm):
    """What can be changed of a project."""

    name = forms.CharField(required=False, strip=False, max_length=5000)
    autostart = forms.BooleanField(required=False)
    return_to_good = forms.BooleanField(required=False)


class DeleteForm(RefusableForm):
    """What is to become of the data, and the name for those who want them gone."""

    data = forms.ChoiceField(choices=[("keep", "keep"), ("remove", "remove")], initial="keep")
    confirm = forms.CharField(required=False, strip=False, max_length=5000)


def chosen_ports(data: Mapping[str, str]) -> tuple[dict[str, int], dict[str, str]]:
    """The host ports typed into inputs named `port.<service>:<container port>`, by what follows the dot, and what is
    wrong with those that are no port, by input. An empty input asks for no port: Hub chooses."""
    ports: dict[str, int] = {}
    errors: dict[str, str] = {}
    for name, text in data.items():
        if not name.startswith(PORT_PREFIX) or not text.strip():
            continue
        text = text.strip()
        if text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535:
            ports[name.removeprefix(PORT_PREFIX)] = int(text)
        else:
            errors[name] = "Use a number from 1 to 65535, or leave it empty."
    return ports, errors
