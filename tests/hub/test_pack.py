"""What a packed bundle holds, what the checks find, and the code that travels with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from safetensors.numpy import load_file, save_file

from deepfake_hf.errors import BundleError, UsageError
from deepfake_hf.hub.bundle import CANARY, EMBEDDED, Bundle, bundle_hash, open_bundle
from deepfake_hf.hub.canary import score_canary
from deepfake_hf.hub.check import check_bundle
from deepfake_hf.hub.pack import BranchFolders, CardFacts, PackOptions, pack
from deepfake_hf.hub.remote_code import export_code
from deepfake_hf.models.configuration_syncnet import SyncNetConfig
from deepfake_hf.models.modeling_syncnet import SyncNetModel
from deepfake_hf.processing.feature_extraction_lip_sync import LipSyncFeatureExtractor
from tests.tiny_bundle import write_tiny_bundle

FIGURES = {"face": {"auc": 0.75, "eer": 0.25, "data": "made up", "n_real": 4, "n_fake": 5}}
FACTS = CardFacts("apache-2.0", ("openslr/librispeech_asr",), ("tiny",))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    home = tmp_path_factory.mktemp("pack")
    (home / "figures.json").write_text(json.dumps(FIGURES))
    weights = write_tiny_bundle(home / "tiny").path / "face" / "model.safetensors"
    tensors = load_file(weights)
    tensors["head.weight"] *= 100  # random weights see little; a trained head's answers lie as far apart as these
    save_file(tensors, weights, metadata={"format": "pt"})
    pack(open_bundle(home / "tiny"), home / "packed", PackOptions(home / "figures.json", True, FACTS))
    return open_bundle(home / "packed")


@pytest.fixture
def packed(original: Bundle, tmp_path: Path) -> Path:
    shutil.copytree(original.path, tmp_path / "copy")
    return tmp_path / "copy"


def faults(folder: Path) -> dict[str, str]:
    return {finding.name: finding.detail for finding in check_bundle(folder) if not finding.holds}


def test_a_packed_bundle_keeps_its_label_and_passes_every_check(original: Bundle) -> None:
    assert original.label == open_bundle(original.path.parent / "tiny").label
    assert all(finding.holds for finding in check_bundle(original.path)), faults(original.path)


def test_the_embedded_weights_keep_their_hash_with_code_beside_them(tmp_path: Path) -> None:
    shutil.copytree(EMBEDDED, tmp_path / "weights")
    for branch in ("face", "speech", "landmarks", "sync"):
        assert export_code(tmp_path / "weights" / branch)
    (tmp_path / "weights" / CANARY).unlink()
    assert bundle_hash(tmp_path / "weights") == bundle_hash(EMBEDDED)


def test_a_lip_sync_net_goes_along_and_is_checked(original: Bundle, tmp_path: Path) -> None:
    shutil.copytree(original.path, tmp_path / "with")
    small = [4, 4, 4, 4, 4, 8]
    net = SyncNetConfig(image_size=64, visual_widths=small, sound_widths=small, hidden_size=8, embedding_size=4)
    SyncNetModel(net).half().save_pretrained(tmp_path / "with" / "sync")
    assert open_bundle(tmp_path / "with").lip_sync is None  # without its processor it is of no use
    LipSyncFeatureExtractor(image_size=64).save_pretrained(tmp_path / "with" / "sync")
    held = open_bundle(tmp_path / "with")
    assert original.lip_sync is None and held.lip_sync == tmp_path / "with" / "sync"
    assert held.sha256 != original.sha256 and set(held.branches) == set(original.branches)
    made = pack(held, tmp_path / "packed", PackOptions(code=True))
    assert made.lip_sync is not None and made.sha256 == held.sha256
    assert (made.lip_sync / "modeling_syncnet.py").is_file() and not faults(made.path)
    (made.lip_sync / "model.safetensors").write_bytes((original.path / "face" / "model.safetensors").read_bytes())
    assert {"checksums", "strict loading"} <= set(faults(made.path))


def test_the_card_has_what_the_hub_reads(original: Bundle) -> None:
    data = ModelCard((original.path / "README.md").read_text()).data
    assert data.license == "apache-2.0" and data.datasets == ["openslr/librispeech_asr"]
    assert {"deepfake-detection", "tiny", "image-classification"} <= set(data.tags)
    assert {(row.metric_type, row.metric_value) for row in data.eval_results} == {("roc_auc", 0.75), ("eer", 0.25)}
    assert data.eval_results[0].dataset_name == "made up"
    assert "have learnt nothing" in (original.path / "README.md").read_text()


def test_without_a_licence_there_is_no_card(original: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="licence"):
        pack(open_bundle(original.path.parent / "tiny"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_branch_folders_become_a_bundle(original: Bundle, tmp_path: Path) -> None:
    parts = BranchFolders("mine", {"speech": original.path / "speech"}, original.path / "calibration.safetensors")
    made = pack(parts, tmp_path / "out", PackOptions(facts=FACTS))
    assert made.branches == {"speech": "audio"} and made.weights == "random" and faults(made.path) == {}
    assert "auto_map" not in (made.path / "speech" / "config.json").read_text()  # no code was asked for
    with pytest.raises(BundleError, match="no calibrator"):
        pack(BranchFolders("mine", {"voice": original.path / "speech"}, parts.calibration), tmp_path / "other")


def test_a_waveform_branch_is_packed_and_checked(original: Bundle, tmp_path: Path) -> None:
    from deepfake_hf.detector import Detector
    from deepfake_hf.media import write_audio
    from deepfake_hf.processing import WaveformFeatureExtractor
    from deepfake_hf.types import AudioTrack, Status
    from tests.models.tiny import tiny_model

    tiny_model("aasist").save_pretrained(tmp_path / "model")
    WaveformFeatureExtractor(num_samples=400).save_pretrained(tmp_path / "model")
    parts = BranchFolders("mine", {"speech": tmp_path / "model"}, original.path / "calibration.safetensors")
    made = pack(parts, tmp_path / "out", PackOptions(code=True, facts=FACTS))
    assert made.branches == {"speech": "waveform"} and faults(made.path) == {}
    sound = load_file(made.path / CANARY)["speech.inputs"][1]
    write_audio(tmp_path / "words.wav", AudioTrack(sound, 16_000), codec="wav")
    result = Detector.from_pretrained(made.path, device="cpu").detect(tmp_path / "words.wav")
    assert result.status is Status.SCORED and len(result.windows) == 1


def test_kinds_that_no_detector_scores_are_refused(original: Bundle, tmp_path: Path) -> None:
    from deepfake_hf.processing import LandmarkSeriesFeatureExtractor
    from tests.models.tiny import tiny_model

    tiny_model("landmark_gru").save_pretrained(tmp_path / "model")
    LandmarkSeriesFeatureExtractor().save_pretrained(tmp_path / "model")
    parts = BranchFolders("mine", {"face": tmp_path / "model"}, original.path / "calibration.safetensors")
    with pytest.raises(BundleError, match=r"kind 'series' is not one of frame, audio, waveform.*with transformers"):
        pack(parts, tmp_path / "out", PackOptions(facts=FACTS))
    assert not (tmp_path / "out").exists()


def test_nothing_else_is_overwritten(original: Bundle, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    for out in (tmp_path, original.path):
        with pytest.raises(UsageError, match="cannot be packed into"):
            pack(original, out, PackOptions(facts=FACTS))


def test_a_swapped_head_is_caught(packed: Path) -> None:
    path = packed / "face" / "model.safetensors"
    tensors = load_file(path)
    for name in ("head.weight", "head.bias"):
        tensors[name] = np.ascontiguousarray(tensors[name][::-1])
    save_file(tensors, path, metadata={"format": "pt"})
    face = next(answer for answer in score_canary(open_bundle(packed)) if answer.branch == "face")
    assert not face.polarity_agrees and not face.numbers_agree
    assert "POLARITY TURNED ROUND" in faults(packed)["canary pair"] and "changed" in faults(packed)["checksums"]


def test_other_constants_are_caught(packed: Path) -> None:
    path = packed / "face" / "preprocessor_config.json"
    path.write_text(path.read_text().replace('"image_mean": [\n    0.5', '"image_mean": [\n    0.3'))
    assert "NUMBERS DIFFER" in faults(packed)["canary pair"] or "POLARITY" in faults(packed)["canary pair"]


def test_each_fault_is_found(packed: Path) -> None:
    (packed / "face" / "notes.txt").write_bytes(b"\x80\x04.")
    (packed / "README.md").unlink()
    (packed / "speech" / "modeling_audio.py").write_text("import os")
    config = packed / "face" / "config.json"
    config.write_text(re.sub(r'"0": "real",\s+"1": "fake"', '"0": "fake", "1": "real"', config.read_text()))
    (packed / CANARY).unlink()
    found = faults(packed)
    assert "pickle" in found["safetensors only"] and "no card" in found["card"]
    assert "not this version's code" in found["exported code"] and "labels are" in found["polarity"]
    assert "turn its answers round" in found["strict loading"] and "no canary pair" in found["canary pair"]
    assert {"changed", "not listed", "missing"} & set(re.findall(r"changed|missing|not listed", found["checksums"]))


REMOTE = """
import sys
sys.modules["deepfake_hf"] = None  # importing it fails, as where it is not installed
import numpy as np, torch
from transformers import AutoFeatureExtractor, AutoImageProcessor, AutoModelForAudioClassification
from transformers import AutoModelForImageClassification
trusted = {"trust_remote_code": True}
pairs = np.load(sys.argv[2])
face, speech = sys.argv[1] + "/face", sys.argv[1] + "/speech"
image = AutoModelForImageClassification.from_pretrained(face, **trusted).eval()
pixels = AutoImageProcessor.from_pretrained(face, **trusted)(list(pairs["face"]), return_tensors="pt")
sound = AutoModelForAudioClassification.from_pretrained(speech, **trusted).eval()
extractor = AutoFeatureExtractor.from_pretrained(speech, **trusted)
values = extractor(list(pairs["speech"]), sampling_rate=extractor.sampling_rate, padding=True, return_tensors="pt")
assert "transformers_modules" in type(image).__module__ and "transformers_modules" in type(extractor).__module__
with torch.inference_mode():
    np.savez(sys.argv[3], face=image(**pixels).logits.numpy(), speech=sound(**values).logits.numpy())
"""


def test_exported_code_answers_alike_where_the_package_is_not_installed(original: Bundle, tmp_path: Path) -> None:
    import torch

    from deepfake_hf.inference.branch import FrameBranch, SpeechBranch

    arrays = load_file(original.path / CANARY)
    pairs = {branch: arrays[f"{branch}.inputs"] for branch in original.branches}
    np.savez(tmp_path / "pairs.npz", **pairs)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_MODULES_CACHE": str(tmp_path / "modules")}
    arguments = [str(original.path), str(tmp_path / "pairs.npz"), str(tmp_path / "logits.npz")]
    done = subprocess.run(
        [sys.executable, "-c", REMOTE, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = np.load(tmp_path / "logits.npz")
    face = FrameBranch(original.path / "face", torch.device("cpu"))
    speech = SpeechBranch(original.path / "speech", torch.device("cpu"))
    with torch.inference_mode():
        pixels = face.processor(list(pairs["face"]), return_tensors="pt")["pixel_values"]
        assert np.allclose(face.model(pixels).logits.numpy(), found["face"], atol=1e-5)
    logits = found["speech"]
    assert np.allclose(speech.score(list(pairs["speech"])), logits[:, 1] - logits[:, 0], atol=1e-5)
