"""The errors that a user can mend. Each kind has an exit code of its own, for schedulers."""


class LstmFcnError(Exception):
    """An error whose message tells the user what was expected, what was found and the way out."""

    exit_code = 1


class SettingsError(LstmFcnError):
    """A setting is unknown, impossible or missing."""

    exit_code = 2


class DataError(LstmFcnError):
    """Records or a table are not what the job can work with."""

    exit_code = 3


class ModelError(LstmFcnError):
    """A model file is missing, damaged, not trusted or does not fit the data."""

    exit_code = 4


class StorageError(LstmFcnError):
    """A file cannot be written: the disk is full, or it may not be written there."""

    exit_code = 5


class BusyError(LstmFcnError):
    """Another run is writing to the same place."""

    exit_code = 6


class StoppedError(LstmFcnError):
    """The job was asked to stop and has saved how far it is; the same command goes on from there."""

    exit_code = 143
