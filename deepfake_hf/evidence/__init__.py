"""Findings beside the verdict, each with its limits; none of them can overrule it."""
