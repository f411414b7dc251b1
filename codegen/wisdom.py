"""What was measured: where it is, export, import, forget: the public face of codegen/machine/wisdom."""

from codegen.machine.wisdom import *  # noqa: F403  # a face has what its room exports
from codegen.machine.wisdom import __all__ as __all__
