"""The command `python -m proof.week`."""

from operating.terminal import leave
from proof.week.simulation import main

if __name__ == "__main__":
    leave(main())
