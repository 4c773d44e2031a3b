"""Errors that say what went wrong, why, and how to mend it. Every public error of the library is one of these."""

from __future__ import annotations


class DeepfakeHFError(Exception):
    """Base of all errors of this library.

    Args:
        what: What could not be done; names the file, row or option.
        why: The cause.
        mend: What the reader can do about it.
    """

    def __init__(self, what: str, why: str, mend: str) -> None:
        super().__init__(f"{what}: {why}. {mend[:1].upper()}{mend[1:]}.")
        self.what = what
        self.why = why
        self.mend = mend

    def __reduce__(self) -> tuple[type[DeepfakeHFError], tuple[str, str, str]]:
        """Errors cross processes."""
        return type(self), (self.what, self.why, self.mend)


class LabelError(DeepfakeHFError):
    """A label or a polarity that is missing, unknown or swapped."""


class UsageError(DeepfakeHFError):
    """An argument or option that cannot be used as given."""


class MediaError(DeepfakeHFError):
    """A medium that could not be read (status ``unreadable``)."""


class UnsupportedMediaError(MediaError):
    """A medium of a kind that is not analysed, or one over a limit (status ``unsupported``)."""


class MissingDependencyError(DeepfakeHFError):
    """An optional package or model file that the chosen backend needs is not there."""


class BundleError(DeepfakeHFError):
    """A detector bundle that is incomplete, unsafe or does not fit this library."""


class DataError(DeepfakeHFError):
    """Training or evaluation data that cannot be used as it is."""
