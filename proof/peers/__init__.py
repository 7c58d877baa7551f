"""The same job on what one would pick instead: `make peers`."""
