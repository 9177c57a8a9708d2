"""The only door to the kernel: sockets, netlink, settings, files, signals.

`import pyroute2.PART` runs the library's own start first, which loads all of it: 4.5 MB more than the parts used here.
So its start is left out. Whoever has imported pyroute2 before keeps the whole of it.
"""

import importlib.util
import sys
import types


def _leave_out_the_start(package: str) -> None:
    spec = importlib.util.find_spec(package) if package not in sys.modules else None
    if spec is not None and spec.submodule_search_locations is not None:
        module = types.ModuleType(package)
        module.__spec__, module.__path__ = spec, list(spec.submodule_search_locations)
        sys.modules[package] = module


_leave_out_the_start("pyroute2")
