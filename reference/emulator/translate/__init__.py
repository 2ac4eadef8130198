"""Metal Shading Language to C++, token by token."""
