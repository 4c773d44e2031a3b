"""Small autoencoders of faces: what goes through them comes back with the traces of a decoder.

Three ways of enlarging are built, since each leaves its own trace: transposed convolutions, nearest neighbours with a
convolution, and shuffled channels. Sources: Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"; Shi et al.
2016, sub-pixel convolution (arXiv:1609.05158). Written and trained here (``train.py reconstructor``).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, get_args

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from deepfake_hf.errors import BundleError, UsageError

Upsampling = Literal["transposed", "nearest", "shuffle"]
UPSAMPLINGS: Final[tuple[str, ...]] = get_args(Upsampling)
STEPS_DOWN: Final = 3  # halvings of the side
BUILT_IN: Final = Path(str(files("deepfake_hf.synthesis"))) / "reconstructors"


@dataclass(frozen=True)
class ReconstructorConfig:
    """An autoencoder.

    Args:
        upsampling: How the decoder enlarges.
        image_size: Side of the square it was trained at, pixels, a multiple of 8.
        widths: Channels after each halving of the side.
        latent: Channels of the narrowest place, at an eighth of the side.
        adversarial: Whether a discriminator took part in its training; a fact, not a switch.
    """

    upsampling: str = "transposed"
    image_size: int = 128
    widths: tuple[int, int, int] = (24, 44, 72)
    latent: int = 16
    adversarial: bool = False

    def __post_init__(self) -> None:
        if self.upsampling not in UPSAMPLINGS:
            raise UsageError(
                f"upsampling={self.upsampling!r}", "there is no such way", f"use one of {', '.join(UPSAMPLINGS)}"
            )
        if self.image_size < 32 or self.image_size % 2**STEPS_DOWN:
            raise UsageError(f"image_size={self.image_size}", "it is halved three times", "give 128 or 160")
        if len(self.widths) != STEPS_DOWN or min(*self.widths, self.latent) < 1:
            raise UsageError(f"widths={self.widths}", "each of the three halvings has one", "give three numbers over 0")


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside the way straight on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def _enlarge(kind: str, width: int, to: int) -> nn.Module:
    """Twice the side: (B, width, H, W) -> (B, to, 2 H, 2 W)."""
    if kind == "transposed":
        return nn.ConvTranspose2d(width, to, 4, stride=2, padding=1)
    if kind == "nearest":
        return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(width, to, 3, padding=1))
    return nn.Sequential(nn.Conv2d(width, 4 * to, 3, padding=1), nn.PixelShuffle(2))


class Reconstructor(nn.Module):
    """Encoder and decoder.

    Args:
        config: Its sizes.
    """

    def __init__(self, config: ReconstructorConfig) -> None:
        super().__init__()
        self.config = config
        first, second, third = config.widths
        self.encoder = nn.Sequential(
            nn.Conv2d(3, first, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(first, second, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(second, third, 4, stride=2, padding=1),
            Residual(third),
            nn.Conv2d(third, config.latent, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(config.latent, third, 3, padding=1),
            Residual(third),
            nn.SiLU(),
            _enlarge(config.upsampling, third, second),
            Residual(second),
            nn.SiLU(),
            _enlarge(config.upsampling, second, first),
            nn.SiLU(),
            _enlarge(config.upsampling, first, 3),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Rebuild faces: float (B, 3, S, S) in [0, 1] to the same shape, mostly in [0, 1]; S a multiple of 8."""
        return self.decoder(self.encoder(pixels * 2 - 1)) / 2 + 0.5


def save_reconstructor(model: Reconstructor, folder: str | os.PathLike[str]) -> None:
    """Write ``config.json`` and ``model.safetensors`` in half precision."""
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.json").write_text(json.dumps(asdict(model.config), indent=2) + "\n")
    halves = {name: tensor.detach().cpu().half().contiguous() for name, tensor in model.state_dict().items()}
    save_file(halves, home / "model.safetensors")


def load_reconstructor(folder: str | os.PathLike[str]) -> Reconstructor:
    """Read what :func:`save_reconstructor` wrote, strictly, in float32 and ready to use.

    Raises:
        BundleError: A file is missing, is no such file, or the two do not fit.
    """
    home = Path(folder)
    try:
        fields: dict[str, Any] = json.loads((home / "config.json").read_text())
        config = ReconstructorConfig(**{**fields, "widths": tuple(fields["widths"])})
        model = Reconstructor(config)
        model.load_state_dict({name: tensor.float() for name, tensor in load_file(home / "model.safetensors").items()})
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, UsageError) as error:
        raise BundleError(
            f"{home} holds no face autoencoder",
            f"config.json and model.safetensors are missing or do not fit ({type(error).__name__}: {error})",
            f"name a folder that train.py reconstructor wrote, or one of {', '.join(built_in_reconstructors())}",
        ) from error
    return model.eval()


def built_in_reconstructors() -> tuple[str, ...]:
    """Names of the autoencoders that come with the library, folders of ``BUILT_IN``."""
    return tuple(sorted(path.parent.name for path in BUILT_IN.glob("*/model.safetensors")))


def find_reconstructor(name_or_folder: str) -> Path:
    """The folder of a built-in autoencoder, or the folder itself.

    Raises:
        UsageError: It is neither.
    """
    if name_or_folder in built_in_reconstructors():
        return BUILT_IN / name_or_folder
    if Path(name_or_folder).is_dir():
        return Path(name_or_folder)
    raise UsageError(
        f"--model {name_or_folder}",
        "it is neither a folder nor one of the autoencoders in the box",
        f"use {', '.join(built_in_reconstructors())} or a folder that train.py reconstructor wrote",
    )
