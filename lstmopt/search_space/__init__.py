"""What may vary between candidates: hyperparameters, conditions, and candidates drawn from them."""

from lstmopt.search_space.architecture import Architecture
from lstmopt.search_space.hyperparameters import (
    FIXED,
    NETWORK,
    STANDARD,
    Hyperparameter,
)
from lstmopt.search_space.parameters import Choice, Parameter, Params, Range, Value
from lstmopt.search_space.parsing import Known, describe_params, parse_space, plain
from lstmopt.search_space.space import CLASSIC, Candidate, Space, draw

__all__ = [
    "CLASSIC",
    "FIXED",
    "NETWORK",
    "STANDARD",
    "Architecture",
    "Candidate",
    "Choice",
    "Hyperparameter",
    "Known",
    "Parameter",
    "Params",
    "Range",
    "Space",
    "Value",
    "describe_params",
    "draw",
    "parse_space",
    "plain",
]
