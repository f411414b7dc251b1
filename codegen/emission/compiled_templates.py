"""Templates as they were compiled once, beside the templates themselves, as Python keeps its modules' bytecode.

Whoever can write there can write the templates, so what is found is as trusted as they are.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

__all__ = ["CompiledTemplates"]


class CompiledTemplates(jinja2.FileSystemBytecodeCache):
    """A folder of compiled templates; each serves for one text, one version of Jinja and Python, and one `maker`.

    `maker` is the text of what changes how a template is compiled. A file that cannot be read is made anew, a folder
    that cannot be written to stays as it is, and so does any under PYTHONDONTWRITEBYTECODE.
    """

    def __init__(self, templates: Path, maker: bytes) -> None:
        super().__init__(str(templates / "__pycache__"), f"%s.{sys.implementation.cache_tag}.jinja")
        self._maker = hashlib.sha256(maker).hexdigest() + jinja2.__version__

    def get_source_checksum(self, source: str) -> str:
        return super().get_source_checksum(self._maker + source)

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except Exception:  # torn or no such file at all: whatever a reader of it may raise
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)
