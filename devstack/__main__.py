"""`python -m devstack`, which is `make run`."""

from connect import leave
from devstack.run import main

if __name__ == "__main__":
    leave(main())
