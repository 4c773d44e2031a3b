"""Uploading a folder to a repository of the Hub, so that it can be repeated after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from deepfake_hf.errors import BundleError, UsageError

_XET_TOKEN: Final = "/xet-write-token/"  # in the address that a Hub without Xet does not know


def upload_folder(
    folder: Path,
    repository: str,
    *,
    kind: Literal["model", "space"],
    private: bool,
    patterns: Sequence[str],
    message: str,
    replaces: Sequence[str] = (),
    token: str | None = None,
) -> str:
    """Make the repository where there is none, and upload.

    Large files go first and the commit that shows them comes last, so an interrupted push changes nothing that others
    see; repeated, it sends only what the Hub does not have. They go by the Xet protocol where hf_xet is installed and
    the Hub gives it tokens (huggingface.co does), else by Git LFS; ``HF_HUB_DISABLE_XET=1`` asks for LFS at once.

    Args:
        folder: what is uploaded.
        repository: ``owner/name``.
        kind: a ``space`` is made as one of Gradio.
        private: whether only its owner sees the repository. One that is there must be so already.
        patterns: files that go, as globs.
        message: of the commit.
        replaces: files of the repository that go where ``folder`` lacks them, as globs.
        token: None takes the one that is stored on this machine.

    Returns:
        The address of the commit.

    Raises:
        BundleError: The repository has another visibility, or the Hub refuses or is not reached.
        UsageError: The repository's name cannot be one.
    """
    api = HfApi(token=token)

    def upload() -> str:
        commit = api.upload_folder(
            repo_id=repository, repo_type=kind, folder_path=folder, allow_patterns=list(patterns),
            delete_patterns=list(replaces) or None, commit_message=message,
        )  # fmt: skip
        return str(commit.commit_url)

    try:
        sdk = "gradio" if kind == "space" else None
        api.create_repo(repository, repo_type=kind, space_sdk=sdk, private=private, exist_ok=True)
        there = api.space_info(repository) if kind == "space" else api.model_info(repository)
        if bool(there.private) != private:
            raise BundleError(
                f"{repository} is {'public' if private else 'private'}",
                f"a push to a {'private' if private else 'public'} repository was asked for",
                "change its visibility on the Hub, or push with the other option",
            )
        return _xet_or_lfs(upload)
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


def _xet_or_lfs(upload: Callable[[], str]) -> str:
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
