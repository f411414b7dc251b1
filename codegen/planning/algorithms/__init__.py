"""How a problem can be computed: a module an algorithm, each with its record ALGORITHM; `table` holds all of them."""
