"""The commands of `python -m tensorferry`: a file each, with a `register` that adds its parser, and a line here."""

from . import aoti, export, import_model, write

COMMANDS = (export, import_model, aoti, write)
