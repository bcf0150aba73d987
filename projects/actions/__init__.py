"""What people do with projects: one function each, called by pages, API, admin and commands alike."""

from projects.actions.copies import copy_project
from projects.actions.deletion import delete
from projects.actions.leases import release_port
from projects.actions.lifecycle import build, restart, restart_service, roll_back, start, start_again, stop
from projects.actions.previews import Preview, preview
from projects.actions.registration import create_project, service_ports, update_project
from projects.errors import ProjectError
from tasks.actions import SubjectBusy

__all__ = ["Preview", "ProjectError", "SubjectBusy", "build", "copy_project", "create_project", "delete", "preview",
           "release_port", "restart", "restart_service", "roll_back", "service_ports", "start", "start_again", "stop",
           "update_project"]
