"""Heat maps: where in a face, when in a clip, when and at which pitch in a sound. Each kind is measured (``kinds``)."""
