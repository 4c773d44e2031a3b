"""Pushing a bundle to the Hub, so that it can be repeated after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.hub.bundle import SUMS
from deepfake_hf.hub.check import check_bundle

_XET_TOKEN: Final = "/xet-write-token/"  # in the address that a Hub without Xet does not know


def push_bundle(folder: Path, repository: str, *, private: bool, token: str | None = None) -> str:
    """Check a packed bundle, make the repository where there is none, and upload.

    The weights go first and the commit that shows them comes last, so an interrupted push changes nothing that others
    see; repeated, it sends only what the Hub does not have. They go by the Xet protocol where hf_xet is installed and
    the Hub gives it tokens (huggingface.co does), else by Git LFS; ``HF_HUB_DISABLE_XET=1`` asks for LFS at once.

    Args:
        folder: made by ``deepfake-hf hub pack``.
        repository: ``owner/name``.
        private: whether only its owner sees the repository. One that is there must be so already.
        token: None takes the one that is stored on this machine.

    Returns:
        The address of the commit.

    Raises:
        BundleError: A check fails, the repository has another visibility, or the Hub refuses or is not reached.
        UsageError: The repository's name cannot be one.
    """
    faults = [finding for finding in check_bundle(folder) if not finding.holds]
    if faults:
        raise BundleError(
            f"{folder} is not pushed",
            "; ".join(f"{fault.name}: {fault.detail.rstrip('.')}" for fault in faults),
            "mend it and pack it again",
        )
    api = HfApi(token=token)
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        if bool(api.model_info(repository).private) != private:
            raise BundleError(
                f"{repository} is {'public' if private else 'private'}",
                f"a push to a {'private' if private else 'public'} repository was asked for",
                "change its visibility on the Hub, or push with the other option",
            )
        patterns = ["*.json", "*.safetensors", "*.md", "*.py", SUMS]

        def upload() -> str:
            commit = api.upload_folder(
                repo_id=repository, folder_path=folder, allow_patterns=patterns, commit_message="Push a detector bundle"
            )
            return str(commit.commit_url)

        return xet_or_lfs(upload)
    except HFValidationError as error:
        raise UsageError(f"the repository {repository!r}", str(error).rstrip("."), "name it owner/name") from None
    except (HfHubHTTPError, OSError, RuntimeError, ValueError) as error:
        cause = error.__cause__ or error
        words = " ".join(str(cause).split()) or "no reason was given"
        raise BundleError(
            f"the push to {repository} did not come to its end",
            f"{type(cause).__name__}: {words.rstrip('.')}",
            "check network, name and token, and push again: what has arrived is not sent twice",
        ) from error


def xet_or_lfs(upload: Callable[[], str]) -> str:
    """Upload by Xet where the Hub gives it tokens, else by Git LFS."""
    try:
        return upload()
    except (HfHubHTTPError, OSError, RuntimeError) as error:
        if constants.HF_HUB_DISABLE_XET or _XET_TOKEN not in str(error):
            raise
    with _without_xet():
        return upload()


@contextmanager
def _without_xet() -> Iterator[None]:
    """huggingface_hub takes Xet whenever hf_xet is installed, and has no argument against it."""
    constants.HF_HUB_DISABLE_XET = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET = False
