"""Addresses of the accounts pages."""

from django.urls import path

from accounts import key_views, own_views, people_views, views

app_name = "accounts"

urlpatterns = [
    path("sign-in/", views.SignInView.as_view(), name="sign-in"),
    path("sign-in/forgotten/", own_views.forgotten, name="forgotten"),
    path("sign-in/<str:token>/", views.link, name="link"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("theme", views.theme, name="theme"),
    path("account/", own_views.account, name="account"),
    path("account/password/", own_views.password, name="password"),
    path("account/sessions/end/", own_views.end_others, name="end-others"),
    path("account/sessions/<str:key>/end/", own_views.end_session, name="end-session"),
    path("people/", people_views.person_list, name="people"),
    path("people/invite/", people_views.invite, name="invite"),
    path("people/<int:user_id>/", people_views.person, name="person"),
    path("people/<int:user_id>/role/", people_views.role, name="person-role"),
    path("people/<int:user_id>/access/", people_views.access, name="person-access"),
    path("people/<int:user_id>/grant/", people_views.grant, name="person-grant"),
    path("people/<int:user_id>/switch/", people_views.switch, name="person-switch"),
    path("people/<int:user_id>/sessions/end/", people_views.end_sessions, name="person-end-sessions"),
    path("people/<int:user_id>/link/", people_views.link, name="person-link"),
    path("keys/", key_views.key_list, name="keys"),
    path("keys/create/", key_views.create, name="key-create"),
    path("keys/<str:public_id>/rotate/", key_views.rotate, name="key-rotate"),
    path("keys/<str:public_id>/revoke/", key_views.revoke, name="key-revoke"),
]
