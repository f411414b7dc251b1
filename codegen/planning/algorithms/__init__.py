"""How a problem can be computed: one module an algorithm, each with NAME, why_not(), candidates() and pack()."""
