"""What the inputs of a model keep, learned from the examples or told by the caller: made-up inputs keep it too."""

from .rules import MakeInputs, Rules, read_rules, with_states

__all__ = ["MakeInputs", "Rules", "read_rules", "with_states"]
