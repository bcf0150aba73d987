"""What everybody does for themselves: choose a password, look at their sessions, end them."""

from __future__ import annotations

import logging
import threading
from smtplib import SMTPException

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actions import PASSWORD_LIFE, AccountError, make_sign_in_link
from accounts.grants import reach_of
from accounts.models import Session
from accounts.people import end_sessions, set_password
from accounts.sessions import hashed
from accounts.signals import sign_in_limited
from accounts.throttle import count_failure, standing

logger = logging.getLogger(__name__)

MAIL = """Somebody, perhaps you, asked for a new password of {} on Hub.

{}

The link works once, within an hour. If it was not you, do nothing: the old password is still good.
"""
BACKEND = "accounts.backends.RoleBackend"


@never_cache
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Who one is here, what one may see, and from where one is signed in."""
    return _page(request)


@sensitive_post_parameters("old", "new")
@require_POST
@never_cache
def password(request: HttpRequest) -> HttpResponse:
    """Choose a new password, with the old one where there is one. All other sessions end."""
    user, address = request.user, request.META.get("REMOTE_ADDR") or "local"
    if user.has_usable_password():
        at = standing(address, user.get_username())
        if not at.is_limited and not user.check_password(request.POST.get("old", "")):
            at = count_failure(address, user.get_username())
            if at.closed:
                sign_in_limited.send(Session, address=address, name=user.get_username(), standing=at)
            if not at.is_limited:
                return _page(request, "The old password is wrong.", "old", status=422)
        if at.is_limited:
            wait = f"Too many tries. Try again in {-(-at.retry_after // 60)} minutes."
            answer = _page(request, wait, "old", status=429)
            answer["Retry-After"] = str(at.retry_after)
            return answer
    try:
        set_password(user, request.POST.get("new", ""))
    except AccountError as error:
        return _page(request, error.message, "new", status=422)
    login(request, user, backend=BACKEND)
    messages.success(request, "Your password is changed. You were signed out everywhere else.")
    return redirect("accounts:account")


@require_POST
def end_session(request: HttpRequest, key: str) -> HttpResponse:
    """End one of one's own sessions."""
    if not end_sessions(request.user, only=key):
        raise Http404
    messages.success(request, "That session is ended.")
    return redirect("accounts:account")


@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """End all of one's own sessions but this one."""
    number = end_sessions(request.user, but=hashed(request.session.session_key))
    messages.success(request, f"{number} other session{'' if number == 1 else 's'} ended.")
    return redirect("accounts:account")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link by mail to choose a new password. The answer does not tell who is here."""
    if request.method != "POST":
        return render(request, "accounts/forgotten.html", {"by_mail": mail_is_set()})
    if not mail_is_set():
        return render(request, "accounts/forgotten.html", status=409)
    address, name = request.META.get("REMOTE_ADDR") or "local", request.POST.get("name", "").strip()
    at = standing(f"mail {address}", f"mail {name}")
    if at.is_limited:
        answer = render(request, "accounts/limited.html", {"minutes": -(-at.retry_after // 60)}, status=429)
        answer["Retry-After"] = str(at.retry_after)
        return answer
    count_failure(f"mail {address}", f"mail {name}")
    for user in User.objects.filter(is_active=True).exclude(email="").filter(username__iexact=name)[:1]:
        path = make_sign_in_link(user, PASSWORD_LIFE, password=True)
        # In a thread of its own: how long the answer takes does not tell who is here.
        threading.Thread(target=_send, args=(user, request.build_absolute_uri(path)), daemon=True).start()
    return render(request, "accounts/forgotten.html", {"sent": True})


def _send(user: User, link: str) -> None:
    try:
        send_mail("[Hub] Choose a new password", MAIL.format(user.get_username(), link), None, [user.email])
    except (OSError, SMTPException):
        logger.exception("The mail for a new password could not be sent.")


def mail_is_set() -> bool:
    """Whether this Hub can send mail."""
    return settings.is_overridden("EMAIL_HOST") and bool(settings.EMAIL_HOST)


def _page(request: HttpRequest, problem: str = "", field: str = "", status: int = 200) -> HttpResponse:
    here = hashed(request.session.session_key)
    context = {
        "sessions": Session.objects.filter(user=request.user).order_by("-seen_at"),
        "here": here, "problem": problem, "field": field, "reach": reach_of(request.user),
        "has_password": request.user.has_usable_password(),
    }
    return render(request, "accounts/account.html", context, status=status)
