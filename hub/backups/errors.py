"""What goes wrong with a backup."""


class BackupError(Exception):
    """`message` says what happened and where, `hint` what to do."""

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message, self.hint = message, hint
