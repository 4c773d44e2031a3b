"""Train a branch: ``python train.py face --help``."""

from deepfake_hf.cli.train import main

if __name__ == "__main__":
    main()
