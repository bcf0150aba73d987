"""Signing in and out, and the look of the pages."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.actions import AccountError, LinkUnusable, read_link, use_link
from accounts.forms import FirstAdminForm
from accounts.models import SignInLink
from accounts.people import set_password
from accounts.signals import sign_in_limited
from accounts.throttle import Standing, count_failure, forget, standing

BACKEND = "accounts.backends.RoleBackend"
THEMES = ("system", "light", "dark")
THEME_COOKIE = "hub_theme"


class SignInView(LoginView):
    """GET: the form. POST: signs in and leads to `next` when that is a path of this Hub."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        """Refuses with 429, before the password is looked at, when the address has failed too often."""
        at = standing(_address(request), request.POST.get("username", ""))
        return self._limited(at) if at.is_limited else super().post(request, *args, **kwargs)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Says what is wrong, and how many tries are left."""
        if not (form.cleaned_data.get("username") and form.cleaned_data.get("password")):
            return self.render_to_response(self.get_context_data(form=form), status=422)
        name = form.cleaned_data["username"]
        at = count_failure(_address(self.request), name)
        if at.closed:
            sign_in_limited.send(type(self), address=_address(self.request), name=name, standing=at)
        if at.is_limited:
            return self._limited(at)
        return self.render_to_response(self.get_context_data(form=form, left=at.left), status=422)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Signs in."""
        forget(form.cleaned_data["username"])
        return super().form_valid(form)

    def _limited(self, at: Standing) -> HttpResponse:
        response = render(self.request, "accounts/limited.html", {"minutes": -(-at.retry_after // 60)}, status=429)
        response["Retry-After"] = str(at.retry_after)
        return response


@never_cache
@sensitive_post_parameters("password1", "password")
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """A one-time link. Opening it changes nothing, because mail programs and chats open links as well; the button on
    the page spends it: it signs in, or makes the first admin and signs in."""
    try:
        found = read_link(token)
        if found.user is not None and found.password:
            return _new_password(request, found)
        if found.user is not None:
            if request.method != "POST":
                return render(request, "accounts/link.html", {"person": found.user})
            user = use_link(found)
        else:
            form = FirstAdminForm(request.POST if request.method == "POST" else None)
            if request.method != "POST" or not form.is_valid():
                status = 422 if form.is_bound else 200
                return render(request, "accounts/first_run.html", {"form": form, "link": found}, status=status)
            try:
                user = use_link(found, form.save)
            except IntegrityError:  # somebody took the name since the form looked
                form.add_error("username", "Somebody has this name already. Take another.")
                return render(request, "accounts/first_run.html", {"form": form, "link": found}, status=422)
    except LinkUnusable as error:
        status = 404 if error.why == "unknown" else 410
        return render(request, "accounts/link_unusable.html", {"error": error}, status=status)
    login(request, user, backend=BACKEND)
    return redirect(settings.LOGIN_REDIRECT_URL)


def _new_password(request: HttpRequest, found: SignInLink) -> HttpResponse:
    """The link lets its person choose a password, and signs in with it; everywhere else they are signed out."""
    if request.method != "POST":
        return render(request, "accounts/new_password.html", {"person": found.user})
    try:
        with transaction.atomic():
            user = use_link(found)
            set_password(user, request.POST.get("password1", ""))
    except LinkUnusable:
        raise
    except AccountError as error:
        context = {"person": found.user, "problem": error.message}
        return render(request, "accounts/new_password.html", context, status=422)
    login(request, user, backend=BACKEND)
    return redirect(settings.LOGIN_REDIRECT_URL)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session, here and on the server."""
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keeps the theme of this browser in a cookie, and leads back to the page it was chosen on."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = settings.LOGIN_REDIRECT_URL
    response = redirect(back)
    chosen = request.POST.get("theme")
    if chosen in THEMES:
        response.set_cookie(THEME_COOKIE, chosen, max_age=365 * 86400, httponly=True, samesite="Lax",
                            secure=settings.SESSION_COOKIE_SECURE)
    return response


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR") or "local"
