"""The arrays that methods take and give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]  # (n,) rows of the pool, or indices into something else that is said beside it
Matrix = NDArray[np.float32]  # (n, d), (N, C), ...
Vector = NDArray[np.float32]  # (n,)
NO_ROWS: Rows = np.empty(0, np.int64)
NO_ROWS.flags.writeable = False
