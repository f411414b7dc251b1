"""From a plan to what its template prints: names, loops and index expressions, one module an algorithm."""
