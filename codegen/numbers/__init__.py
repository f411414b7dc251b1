"""The numbers: formats that are computed in and stored in, and the right numbers out of other libraries' arrays."""
