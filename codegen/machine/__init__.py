"""C text to machine code: compilers, the cache, loading, threads, measuring, wisdom, files."""
