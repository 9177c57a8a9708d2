"""Single fields and options of a client's message, as far as the answer depends on them. Pure."""

from routerd.dhcp import options as opt
from routerd.dhcp.message import Message
from routerd.dhcp.reply import ETHERNET

_LONGEST_CLIENT_ID = 255


def is_impossible(message: Message) -> bool:
    """Is its sender or its relay agent no one machine, or the sender named by more than an option holds?"""
    if message.htype == ETHERNET and message.hlen == 6 and message.chaddr[0] & 1:
        return True
    giaddr = message.giaddr
    if giaddr and (giaddr >> 24 in (0, 127) or giaddr >> 24 >= 224):
        return True
    return opt.CLIENT_ID in message.options and len(message.options[opt.CLIENT_ID]) > _LONGEST_CLIENT_ID


def address_option(message: Message, code: int) -> int:
    """The address in an option; 0 where there is none."""
    value = message.options.get(code)
    return int.from_bytes(value, "big") if value is not None and len(value) == 4 else 0


def hostname_option(message: Message) -> str | None:
    """The host name that the client tells, if it is one."""
    raw = message.options.get(opt.HOSTNAME)
    return opt.clean_hostname(raw) if raw else None
