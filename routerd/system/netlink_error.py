"""The one error of everything that asks the kernel by netlink."""

import errno
import os


class NetlinkError(Exception):
    """The kernel refused or did not answer. `code` is an errno, `name` its name; the text says what was tried."""

    def __init__(self, action: str, code: int, detail: str | None = None) -> None:
        self.action = action
        self.code = code
        self.name = errno.errorcode.get(code, f"errno {code}")
        self.reason = f"{self.name}: {detail or os.strerror(code)}"
        if self.permission:
            self.reason += " (the capability CAP_NET_ADMIN is missing)"
        super().__init__(f"{action}: {self.reason}")

    @property
    def permission(self) -> bool:
        """True where more rights would help."""
        return self.code in (errno.EPERM, errno.EACCES)
