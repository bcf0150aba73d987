"""What Hub as a whole does in the background."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from hub.backups import actions
from hub.backups.errors import BackupError
from tasks.errors import BadTask
from tasks.job import Job, JobFailed
from tasks.parameters import check_names


class BackUp(Job):
    """`{"with_data"?: bool, "keep"?: 1-1000}`: makes a backup in HUB_BACKUP_DIR, restores it on trial, compares every
    table, and removes all but the newest `keep` (HUB_BACKUP_KEEP). Nothing is removed when the comparison fails."""

    name = "hub.backup"
    lane = "reports"
    startable = True
    timeout = 4 * 3600
    max_attempts = 2
    own_process = True

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        check_names(params, "with_data", "keep")
        if not isinstance(params.get("with_data", False), bool):
            raise BadTask("“with_data” must be true or false.", "with_data")
        keep = params.get("keep", 1)
        if isinstance(keep, bool) or not isinstance(keep, int) or not 1 <= keep <= 1000:
            raise BadTask("“keep” must be a whole number from 1 to 1000.", "keep")

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        return "Back up this Hub"

    def run(self) -> dict[str, Any]:
        self.progress.plan([("write", "Write the backup"), ("verify", "Restore it on trial"),
                            ("prune", "Remove old ones")])
        self.progress.update("write")
        try:
            made = actions.back_up(settings.HUB_BACKUP_DIR, with_data=self.params.get("with_data", False),
                                   tell=lambda step: self.progress.update("write", detail=step))
            self.progress.finish("write")
            self.log(f"{made.path}: {made.size:,} bytes.")
            self.progress.update("verify")
            found = actions.verify(made.path)
            if found.wrong:
                raise JobFailed(f"The backup is not what was saved. {found.wrong[0]}", "\n".join(found.wrong[1:]))
            self.progress.finish("verify")
            self.progress.update("prune")
            gone = actions.prune(settings.HUB_BACKUP_DIR, self.params.get("keep", settings.HUB_BACKUP_KEEP))
            self.progress.finish("prune")
        except BackupError as error:
            raise JobFailed(error.message, error.hint) from None
        return {"file": str(made.path), "size": made.size, "rows": sum(found.tables.values()),
                "removed": [path.name for path in gone]}
