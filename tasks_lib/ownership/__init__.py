"""Who owns each package, who needs it, and the guard between the two layers."""
