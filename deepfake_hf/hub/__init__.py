"""Bundles: a detector as a folder or a Hub repository."""
