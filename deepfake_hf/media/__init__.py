"""Media in and out: probe, streaming decode, sampling, sound, pictures, writing and perturbations."""

from __future__ import annotations

from deepfake_hf.media.ahead import read_ahead
from deepfake_hf.media.frames import FrameReader, read_frames
from deepfake_hf.media.hashing import sha256_of
from deepfake_hf.media.limits import Limits
from deepfake_hf.media.perturb_clip import h264_roundtrip
from deepfake_hf.media.perturb_picture import recompress_jpeg, resize_factor
from deepfake_hf.media.perturb_sound import codec_roundtrip
from deepfake_hf.media.pictures import read_image
from deepfake_hf.media.probe import probe
from deepfake_hf.media.sampling import AtRate, EveryNth, Random, Sampling, Uniform
from deepfake_hf.media.sound import AudioReader, read_audio
from deepfake_hf.media.write import write_video
from deepfake_hf.media.write_sound import AudioCodec, encode_audio, write_audio

__all__ = [
    "AtRate",
    "AudioCodec",
    "AudioReader",
    "EveryNth",
    "FrameReader",
    "Limits",
    "Random",
    "Sampling",
    "Uniform",
    "codec_roundtrip",
    "encode_audio",
    "h264_roundtrip",
    "probe",
    "read_ahead",
    "read_audio",
    "read_frames",
    "read_image",
    "recompress_jpeg",
    "resize_factor",
    "sha256_of",
    "write_audio",
    "write_video",
]
