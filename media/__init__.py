"""From a heap of instances to a disc, and back (PS3.10, PS3.11, PS3.12)."""
