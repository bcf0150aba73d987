"""Projects for operators: the same use cases as on the pages."""

from pathlib import PurePath

from django.contrib import admin, messages

from projects import actions
from projects.errors import ProjectError
from projects.models import PortLease, Project, Revision, Service


class ReadOnlyInline(admin.TabularInline):
    """Rows to look at."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class ServiceInline(ReadOnlyInline):
    model = Service
    fields = readonly_fields = ["name", "kind", "state", "health", "pid", "restarts", "exit_code", "signal", "reason"]


class LeaseInline(ReadOnlyInline):
    model = PortLease
    fields = readonly_fields = ["service", "instance", "container_port", "protocol", "host_port", "leased_at"]


class RevisionInline(ReadOnlyInline):
    model = Revision
    fields = readonly_fields = ["number", "created_at", "started_ok", "error", "restored", "because", "task_id"]


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):
    """State is observed, and changed only by tasks; so everything here is read-only but the actions."""

    list_display = ["name", "state", "desired", "engine", "observed_at", "folder"]
    list_filter = ["state", "engine", "autostart"]
    search_fields = ["name", "slug", "path"]
    inlines = [ServiceInline, LeaseInline, RevisionInline]
    actions = ["start", "stop", "restart"]
    exclude = ["environment"]

    @admin.display(ordering="path")
    def folder(self, project):
        """The last part of its path: the list has little room, and the project's page has all of it."""
        return PurePath(project.path).name

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False  # a project is deleted by a task, from its page: its processes have to go first

    def has_change_permission(self, request, obj=None):
        return False

    def has_operate_permission(self, request):
        return request.user.has_perm("projects.operate_project")

    @admin.action(description="Start", permissions=["operate"])
    def start(self, request, queryset):
        self._each(request, queryset, actions.start)

    @admin.action(description="Stop", permissions=["operate"])
    def stop(self, request, queryset):
        self._each(request, queryset, actions.stop)

    @admin.action(description="Restart", permissions=["operate"])
    def restart(self, request, queryset):
        self._each(request, queryset, actions.restart)

    def _each(self, request, queryset, action):
        for project in queryset:
            try:
                task = action(project)
            except (ProjectError, actions.SubjectBusy) as error:
                self.message_user(request, f"{project.name}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{project.name}: {task.title}, {task.state}.")
