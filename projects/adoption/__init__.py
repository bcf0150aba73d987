"""Adopt what runs already, without touching it: what others started, and what this Hub started and lost the row of."""

from projects.adoption.candidate import Adoptable
from projects.adoption.taking import Survey, adopt, adoptable, survey

__all__ = ["Adoptable", "Survey", "adopt", "adoptable", "survey"]
