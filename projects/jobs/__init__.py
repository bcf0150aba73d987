"""What runs in the background for a project, on the lane `stacks`."""

from projects.jobs.build import BuildImages
from projects.jobs.copy import CopyData
from projects.jobs.delete import DeleteProject
from projects.jobs.restart import RestartService, RestartStack, RollBack
from projects.jobs.start import StartStack
from projects.jobs.stop import StopStack

__all__ = ["BuildImages", "CopyData", "DeleteProject", "RestartService", "RestartStack", "RollBack", "StartStack",
           "StopStack"]
