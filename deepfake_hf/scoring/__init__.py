"""From margins to a verdict, in numpy alone: aggregate, calibrate, fuse, decide."""
