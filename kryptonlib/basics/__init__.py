"""The first notebooks' subjects written from scratch: neurons, optimisers, and the layers of a CNN."""
