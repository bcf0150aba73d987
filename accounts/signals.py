"""What happens to keys, links and people here, for whoever keeps the facts (this app may not know events)."""

from django.dispatch import Signal

key_created = Signal()  # key
key_revoked = Signal()  # key
key_accepted = Signal()  # key: the request at hand came with it
link_made = Signal()  # link
link_used = Signal()  # link, user
admin_made = Signal()  # user
sign_in_limited = Signal()  # address
