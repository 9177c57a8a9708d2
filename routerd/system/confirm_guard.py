"""The helper process that takes a trial back when the daemon cannot: starts it, and talks to it."""

import contextlib
import importlib.util
import json
import marshal
import os
import subprocess
import sys

_WATCH = "routerd.system.confirm_watch"
_TAKE_BACK = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from routerd.system.rollback import main; main()"
# The comment is for whoever lists processes.
_START = f"import marshal, sys; exec(marshal.loads(bytes.fromhex(sys.argv.pop(1))))  # {_WATCH}"
_END = 5.0


class Guard:
    """The helper of one trial, in a session of its own. It lives until the trial is over, whatever becomes of us."""

    def __init__(self, trial: str, deadline: float) -> None:
        """Start it. `deadline` (CLOCK_BOOTTIME) is when it takes this process for hung. Raises OSError."""
        python = sys.executable
        path = json.dumps([os.path.abspath(entry) for entry in sys.path])
        then = [python, "-c", _TAKE_BACK, path, trial]
        argv = [python, "-I", "-S", "-c", _START, _program(), str(os.getpid()), repr(deadline), *then]
        # Its standard input is ours alone: nothing that is started later takes it along.
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, cwd="/"
        )
        assert self._process.stdin is not None
        self._pipe = self._process.stdin

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def move(self, deadline: float) -> None:
        """From now on this is when this process counts as hung."""
        self._tell(f"{deadline!r}\n".encode())

    def dismiss(self) -> None:
        """The trial is over: it ends, and is waited for, some milliseconds as a rule and at most some seconds."""
        self._tell(b"c\n")
        with contextlib.suppress(OSError):
            self._pipe.close()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def is_alive(self) -> bool:
        """Does it still wait?"""
        return self._process.poll() is None

    def _tell(self, message: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._pipe.fileno(), message)


def _program() -> str:
    """The watch as byte code: a router has no source of it, and there is nothing left to compile."""
    found = importlib.util.find_spec(_WATCH)
    assert found is not None
    # Every loader of files and of archives can do that, with and without a source.
    return marshal.dumps(found.loader.get_code(_WATCH)).hex()  # type: ignore[union-attr]
