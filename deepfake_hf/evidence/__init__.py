"""Evidence beside the verdict: what a file says about its own making, and where a model looked. None of it ever changes
a verdict."""
