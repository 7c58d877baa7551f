"""One file per way of sending. Each translates its protocol's failures into outcomes in exactly one function."""
