"""Faces: detect, track, crop as in training, and refuse what cannot be judged."""

from deepfake_hf.faces.alignment import TRAINING_FRAMING, Framing, align_face, crop_face
from deepfake_hf.faces.detection import DETECTORS, FaceDetector, detect_in_picture, load_face_detector
from deepfake_hf.faces.quality import QualityLimits, assess
from deepfake_hf.faces.shots import ShotDetector
from deepfake_hf.faces.tracking import FaceTracker, TrackedFace

__all__ = [
    "DETECTORS",
    "TRAINING_FRAMING",
    "FaceDetector",
    "FaceTracker",
    "Framing",
    "QualityLimits",
    "ShotDetector",
    "TrackedFace",
    "align_face",
    "assess",
    "crop_face",
    "detect_in_picture",
    "load_face_detector",
]
