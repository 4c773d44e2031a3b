"""From decoded media to window scores: branches, passes over frames and sound, and the live session."""
