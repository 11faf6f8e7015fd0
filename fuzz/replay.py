"""Every input of the corpus and of the vectors once, on the Python surface, without a fuzzer."""

from __future__ import annotations

from compare import one_input
from corpus import corpus, seeds

if __name__ == "__main__":
    for data in (*corpus(), *seeds()):
        one_input(data)
