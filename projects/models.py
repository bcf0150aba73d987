"""Projects: what is registered, what was seen of it, and the ports that belong to it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from events.context import current
from projects.states import Desired, ProjectState


def this_node() -> str:
    """The node of this process: where a project belongs to that nobody gave to another."""
    return settings.HUB_NODE


class SeenProjects(models.Manager):
    """The projects that exist for the actor of the request at hand: see `events.sight`."""

    def get_queryset(self) -> models.QuerySet:
        rows, projects = super().get_queryset(), current().projects
        return rows if projects is None else rows.filter(pk__in=projects)


class Project(models.Model):
    """A folder that Hub runs. The same folder may be registered many times: each is a copy with its own ports.

    The folder is on `node`, whose workers alone run the stack, and whose `watch` looks at it.
    `state` is what was last observed (at `observed_at`), never a wish; `desired` is the wish. `reason` says in a
    sentence why it is as it is. `environment` is encrypted at rest: use `projects.environment`. `return_to_good`: a
    start that fails is followed by a start of the last revision that became healthy. `adopted`: the name of the Compose
    project that ran before Hub knew it; it keeps that name.
    """

    class Engine(models.TextChoices):
        PROCESS = "process", "Process"
        COMPOSE = "compose", "Compose"
        DAGGER = "dagger", "Dagger"

    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(max_length=48, unique=True)
    path = models.CharField(max_length=4096)
    node = models.CharField(max_length=64, default=this_node)
    engine = models.CharField(max_length=16, choices=Engine.choices, default=Engine.PROCESS)
    desired = models.CharField(max_length=16, choices=Desired.choices, default=Desired.STOPPED)
    state = models.CharField(max_length=16, choices=ProjectState.choices, default=ProjectState.STOPPED)
    reason = models.TextField(blank=True)
    reason_at = models.DateTimeField(null=True, blank=True)
    observed_at = models.DateTimeField(null=True, blank=True)
    state_since = models.DateTimeField(default=timezone.now)
    environment = models.BinaryField(default=bytes, blank=True)
    autostart = models.BooleanField(default=False)
    return_to_good = models.BooleanField(default=False)
    adopted = models.CharField(max_length=255, blank=True, default="")
    copied_from = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="copies")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=200)

    objects = SeenProjects()
    everything = models.Manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["node", "adopted"], condition=~Q(adopted=""), name="adopted_once_per_node"),
        ]
        permissions = [("operate_project", "Can start, stop, copy and delete projects")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Its page; also what the pages of its tasks link to."""
        return reverse("projects:detail", args=[self.pk])

    @property
    def is_here(self) -> bool:
        """Whether its folder, ports and processes are on this host, where they can be looked at."""
        return self.node == settings.HUB_NODE

    @property
    def subject(self) -> str:
        """What its tasks are about; see `Task.subject`."""
        return f"projects.project:{self.pk}"


class Service(models.Model):
    """One service of a project, as it was last observed. `instances` holds each process or container."""

    class Kind(models.TextChoices):
        SERVICE = "service", "Service"
        ONE_SHOT = "one-shot", "One-shot"

    project = models.ForeignKey(Project, models.CASCADE, related_name="services")
    name = models.CharField(max_length=100)
    position = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.SERVICE)
    command = models.TextField(blank=True)
    depends_on = models.JSONField(default=list)
    state = models.CharField(max_length=16, default="stopped")
    health = models.CharField(max_length=16, default="none")
    reason = models.TextField(blank=True)
    last_lines = models.JSONField(default=list)
    pid = models.PositiveIntegerField(null=True, blank=True)
    container_id = models.CharField(max_length=64, blank=True)
    restarts = models.PositiveIntegerField(default=0)
    exit_code = models.IntegerField(null=True, blank=True)
    signal = models.CharField(max_length=16, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    instances = models.JSONField(default=list)
    cpu = models.FloatField(null=True, blank=True)
    memory = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["position", "name"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="service_name_once")]

    def __str__(self) -> str:
        return self.name


class PortLease(models.Model):
    """A host port that belongs to one project, until the project is deleted. No two leases of a node share a port."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="leases")
    service = models.CharField(max_length=100)
    instance = models.PositiveIntegerField(default=1)
    container_port = models.PositiveIntegerField()
    protocol = models.CharField(max_length=3, choices=[("tcp", "tcp"), ("udp", "udp")], default="tcp")
    host_port = models.PositiveIntegerField()
    # That of its project: a constraint can only speak of columns of one table.
    node = models.CharField(max_length=64, default=this_node)
    leased_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["host_port"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "service", "instance", "container_port", "protocol"], name="one_lease_per_port"
            ),
            models.UniqueConstraint(fields=["host_port", "node"], name="host_port_once_per_node"),
            models.CheckConstraint(condition=Q(host_port__gte=1, host_port__lte=65535), name="lease_port_in_range"),
        ]

    def __str__(self) -> str:
        return f"{self.service}:{self.container_port} on {self.host_port}"


class UsageSample(models.Model):
    """What a service used in one stretch of the last hour: a ring of `projects.usage.SLOTS` rows for each, written over
    and over. `cpu`: share of one core, on average; `memory`: bytes, at most; the others bytes a second, on average."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="usage")
    service = models.CharField(max_length=100)
    slot = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    cpu = models.FloatField(null=True)
    memory = models.BigIntegerField(null=True)
    network_in = models.FloatField(null=True)
    network_out = models.FloatField(null=True)
    disk_read = models.FloatField(null=True)
    disk_written = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "service", "slot"], name="usage_sample_once"),
        ]

    def __str__(self) -> str:
        return f"{self.service} at {self.at}"


class Revision(models.Model):
    """What one start ran: the definition, the environment and the document that its engine runs (both
    encrypted), the ports and the digests of its images.

    `started_ok`: whether every service became ready, None while nobody knows; `error` says why it did not. `restored`
    is the number of the kept revision that this one is again, None for one read from the folder; `because` is the
    failure after which Hub itself went back to it, empty where a person did. `images`: digest by service, where there
    are images.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    environment = models.BinaryField(default=bytes, blank=True)
    document = models.BinaryField(default=bytes, blank=True)
    ports = models.JSONField(default=list)
    images = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_ok = models.BooleanField(null=True)
    error = models.TextField(blank=True)
    restored = models.PositiveIntegerField(null=True)
    because = models.TextField(blank=True)
    task_id = models.UUIDField(null=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="revision_number_once")]

    def __str__(self) -> str:
        return f"Revision {self.number}"
