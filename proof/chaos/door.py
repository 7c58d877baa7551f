"""The ingress of a run, with the sequences of a folder: `python -m proof.chaos.door --port PORT --sequences FOLDER`."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

import ingress
from connect import leave

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sequences", type=Path, required=True)
    given = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, stream=sys.stderr)
    asyncio.run(ingress.serve("127.0.0.1", given.port, given.sequences))
    leave(0)
