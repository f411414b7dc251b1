"""`.conv` text to definitions: syntax, tree, evaluation, elaboration."""
