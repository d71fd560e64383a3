"""The commands of `python -m tensorferry`, a file each."""
