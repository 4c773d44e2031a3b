"""Evidence beside the verdict: what a file says about its own making. No finding here ever changes a verdict."""
