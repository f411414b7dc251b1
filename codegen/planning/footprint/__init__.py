"""How many bytes of code and of stack a plan's C is compiled to: its statements, counted, and what each kind takes."""
