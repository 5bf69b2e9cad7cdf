"""Benchmarks: what the appliance takes beside the peers that it is measured against, on one machine in one run.

    python -m bench                 every row
    python -m bench store-large     one of them

A row is measured in pairs: the appliance and its peer take turns, and the ratio is that of their medians.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""As in the appliance's own children; numpy reads it when it is loaded."""
