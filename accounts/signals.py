"""What happens to keys, links and people here, for whoever keeps the facts (this app may not know events)."""

from django.dispatch import Signal

key_created = Signal()  # key
key_revoked = Signal()  # key
key_rotated = Signal()  # key
admitted = Signal()  # reach, projects: who the request at hand comes from, and the projects that it is about (or None)
link_made = Signal()  # link
link_used = Signal()  # link, user
admin_made = Signal()  # user
person_changed = Signal()  # user, by, what: by the name of what was changed its new value
sessions_ended = Signal()  # user, number: sessions that were ended from another one
sign_in_limited = Signal()  # address, name, standing: too many sign-ins failed
