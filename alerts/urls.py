"""The addresses of alerts."""

from django.urls import path

from alerts import channel_views, rule_views, views

app_name = "alerts"
urlpatterns = [
    path("", views.overview, name="list"),
    path("live/", views.live, name="live"),
    path("banner/", views.banner, name="banner"),
    path("history/", views.history, name="history"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("rules/new/", rule_views.new, name="rule-new"),
    path("rules/<int:pk>/", rule_views.rule, name="rule"),
    path("rules/<int:pk>/mute/", rule_views.mute, name="rule-mute"),
    path("rules/<int:pk>/unmute/", rule_views.unmute, name="rule-unmute"),
    path("rules/<int:pk>/delete/", rule_views.delete, name="rule-delete"),
    path("channels/", channel_views.channel_list, name="channels"),
    path("channels/new/", channel_views.new, name="channel-new"),
    path("channels/<int:pk>/", channel_views.channel, name="channel"),
    path("channels/<int:pk>/test/", channel_views.test, name="channel-test"),
    path("channels/<int:pk>/delete/", channel_views.delete, name="channel-delete"),
]
