"""The benchmarks import one another, whatever the import mode of the test run is."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
