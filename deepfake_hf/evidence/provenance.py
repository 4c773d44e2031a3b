"""What a file says about its own making: C2PA manifests, EXIF and text fields of pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from PIL import ExifTags

from deepfake_hf.media import Limits
from deepfake_hf.media.pictures import open_picture
from deepfake_hf.types import Finding, Strength

MAX_VALUE: Final = 160
_TITLE: Final = "C2PA manifest"
# IPTC digital source types that name generative models (cv.iptc.org/newscodes/digitalsourcetype).
_GENERATED: Final = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia")
# Text fields that picture generators and their front ends write into PNG files.
_GENERATOR_KEYS: Final = ("parameters", "prompt", "workflow", "sd-metadata", "invokeai_metadata", "dream", "Dream")
_EXIF_SHOWN: Final = ("Make", "Model", "Software", "DateTime", "Artist", "HostComputer", "ImageDescription")
_EXIF_DETAIL: Final = ("DateTimeOriginal", "LensModel")


def c2pa_finding(path: Path) -> Finding:
    """Whether a C2PA manifest is in a file and fits it. Offline: remote manifests and revocation are not asked for."""
    try:
        import c2pa
    except ImportError:
        return _c2pa_silent("c2pa-python is not installed: pip install 'deepfake-hf[provenance]'")
    settings = c2pa.Settings()
    for name in ("verify.remote_manifest_fetch", "verify.ocsp_fetch"):
        settings.set(name, "false")
    try:
        with path.open("rb") as file, c2pa.Context(settings=settings) as context:
            reader = c2pa.Reader.try_create(None, file, None, context)
            if reader is None:
                return _c2pa_absent()
            with reader:
                return read_manifest_store(json.loads(reader.json()))
    except c2pa.C2paError.NotSupported:
        return _c2pa_silent("C2PA defines no manifest for this kind of file")
    except c2pa.C2paError.RemoteManifest as error:
        return _c2pa_silent(f"the manifest lies on a server, which is not asked ({shortened(str(error))})")
    except (c2pa.C2paError, ValueError, OSError) as error:
        return _c2pa_invalid(f"it cannot be read ({shortened(str(error))})", ())


def read_manifest_store(store: Mapping[str, Any]) -> Finding:
    """The finding on a manifest store as ``c2pa.Reader.json()`` gives it."""
    manifest = (store.get("manifests") or {}).get(store.get("active_manifest"), {})
    signature = manifest.get("signature_info") or {}
    generators = manifest.get("claim_generator_info") or [{}]
    sources = sorted(_values(manifest, "digitalSourceType"))
    facts = tuple(
        (name, shortened(str(value)))
        for name, value in (
            ("claim generator", generators[0].get("name") or manifest.get("claim_generator")),
            ("signed by", signature.get("issuer")),
            ("common name", signature.get("common_name")),
            ("signed at", signature.get("time")),
            ("title", manifest.get("title")),
            ("digital source", ", ".join(source.rsplit("/", 1)[-1] for source in sources)),
        )
        if value
    )
    state = store.get("validation_state")
    if state not in ("Valid", "Trusted"):
        codes = sorted({str(item.get("code")) for item in store.get("validation_status") or []})
        return _c2pa_invalid(f"it does not hold: {', '.join(codes[:4]) or 'no reason given'}", facts)
    trusted = "and its signer is trusted" if state == "Trusted" else "but nobody at hand vouches for its signer"
    generated = any(source.endswith(_GENERATED) for source in sources)
    if generated:
        return Finding(
            "provenance",
            _TITLE,
            f"a valid manifest says that the file was made or altered by a generative model, {trusted}",
            Strength.STRONG,
            "The maker's own program declared synthetic content and signed it, and the file is unchanged since.",
            "That the whole picture or sound is synthetic: an edit of a part is declared the same way.",
            facts=facts,
        )
    return Finding(
        "provenance",
        _TITLE,
        f"a valid manifest is in the file, {trusted}",
        Strength.STRONG if state == "Trusted" else Strength.WEAK,
        "The file is unchanged since it was signed, and the manifest lists what its maker declared.",
        "That what is shown happened: a screen can be filmed, and without a trusted signer anyone can sign anything.",
        facts=facts,
    )


def _values(tree: Any, key: str) -> set[str]:
    if isinstance(tree, Mapping):
        own = {str(value) for name, value in tree.items() if name == key and isinstance(value, str)}
        return own.union(*(_values(value, key) for value in tree.values()))
    return set().union(*(_values(item, key) for item in tree)) if isinstance(tree, list) else set()


def _c2pa_silent(why: str) -> Finding:
    return Finding("provenance", _TITLE, None, None, "", "", abstained=why)


def _c2pa_absent() -> Finding:
    return Finding(
        "provenance",
        _TITLE,
        "no manifest is in the file",
        Strength.NEUTRAL,
        "Nobody signed where it comes from, or a program or platform removed it on the way.",
        "Anything about being genuine: most cameras write none, and most platforms remove it.",
    )


def _c2pa_invalid(what: str, facts: tuple[tuple[str, str], ...]) -> Finding:
    return Finding(
        "provenance",
        _TITLE,
        f"a manifest is in the file and {what}",
        Strength.STRONG,
        "The file was changed after it was signed, or the manifest is damaged or forged.",
        "What was changed: a harmless program that re-saves a file breaks its manifest too.",
        facts=facts,
    )


def exif_finding(path: Path, limits: Limits) -> Finding:
    """EXIF and text fields of a picture. A position is only said to be there, not where.

    Raises:
        MediaError: The picture cannot be opened.
    """
    with open_picture(path, limits) as picture:
        exif = picture.getexif()
        held = {ExifTags.TAGS.get(tag, str(tag)): value for tag, value in exif.items()}
        detail = {ExifTags.TAGS.get(tag, str(tag)): value for tag, value in exif.get_ifd(ExifTags.IFD.Exif).items()}
        position = bool(exif.get_ifd(ExifTags.IFD.GPSInfo))
        texts = {str(key): value for key, value in picture.info.items() if isinstance(value, str)}
    facts = [(name, shortened(str(held[name]))) for name in _EXIF_SHOWN if held.get(name)]
    facts += [(name, shortened(str(detail[name]))) for name in _EXIF_DETAIL if detail.get(name)]
    if position:
        facts.append(("GPS position", "there"))
    found = [key for key in _GENERATOR_KEYS if key in texts]
    facts += [(key, shortened(texts[key])) for key in found]
    if found:
        return Finding(
            "provenance",
            "EXIF and text",
            f"the file bears a field as picture generators write it ({', '.join(found)})",
            Strength.STRONG,
            "The picture most probably came out of a generator or of its front end.",
            "That no genuine picture went in: generators also alter photographs. Text fields can be written by anyone.",
            facts=tuple(facts),
        )
    if held.get("Make") or held.get("Model"):
        camera = " ".join(str(held[name]).strip() for name in ("Make", "Model") if held.get(name))
        edited = held.get("Software")
        return Finding(
            "provenance",
            "EXIF and text",
            f"the file names the camera {shortened(camera)}"
            + (f" and the software {shortened(str(edited))}" if edited else ""),
            Strength.WEAK,
            "It kept what a camera writes, so it probably did not pass a platform that removes it.",
            "That the camera took this picture: these fields can be copied and typed.",
            facts=tuple(facts),
        )
    if held.get("Software"):
        return Finding(
            "provenance",
            "EXIF and text",
            f"the file names the software {shortened(str(held['Software']))} and no camera",
            Strength.WEAK,
            "It was saved by that program, after a camera or without one.",
            "What was changed: cropping, turning and conversion leave the same field.",
            facts=tuple(facts),
        )
    return Finding(
        "provenance",
        "EXIF and text",
        "the file names neither a camera nor a program",
        Strength.NEUTRAL,
        "The fields were never written or were removed.",
        "Anything about being genuine: platforms and messengers remove them from nearly every picture.",
        facts=tuple(facts),
    )


def shortened(text: str, most: int = MAX_VALUE) -> str:
    """Text from a file in one line of at most so many characters."""
    flat = " ".join(text.replace("\x00", " ").split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
