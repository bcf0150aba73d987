"""Forms for signing in."""

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User

from accounts.models import Role
from accounts.roles import give_role


class FirstAdminForm(BaseUserCreationForm):
    """Name and password of the first admin; the password is typed once and may be looked at by the browser."""

    password1 = forms.CharField(
        label="Password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
    password2 = None

    class Meta:
        model = User
        fields = ("username", "email")

    def clean_username(self) -> str:
        """A name that nobody has, whatever its letters' case."""
        name = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError("Somebody has this name already. Take another.")
        return name

    def validate_passwords(self, password1_field_name: str = "password1", password2_field_name: str = "password2",
                           **kwargs: object) -> None:
        """There is no second field to compare with."""

    def validate_password_for_user(self, user: User, password_field_name: str = "password1") -> None:
        """Django's validators look at the only field."""
        super().validate_password_for_user(user, password_field_name)

    def set_password_and_save(self, user: User, password_field_name: str = "password1", commit: bool = True) -> User:
        """Save the person as an admin: superuser, of the admin site, with the role."""
        user.is_staff = user.is_superuser = True
        user = super().set_password_and_save(user, password_field_name, commit)
        give_role(user, Role.ADMIN)
        return user
