"""Configuration text or data to a Config, with every fault of it at once."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from routerd.config.fault import ConfigError, ConfigFault, Faults, show
from routerd.config.model import Config, Vpn
from routerd.config.rules import check_config
from routerd.config.schema import read_section
from routerd.config.tables import ROOT

__all__ = ["ConfigError", "ConfigFault", "load", "parse"]

_POSITION = re.compile(r"(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def parse(text: str) -> Config:
    """The configuration in a TOML text; raises ConfigError, for a syntax error with its line and column as path."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_fault(str(error), text)]) from None
    except RecursionError:
        raise ConfigError([ConfigFault("file", None, "is nested too deeply", "flatten its arrays")]) from None
    except ValueError:
        # Integers of thousands of digits, and dates that do not exist.
        fault = ConfigFault("file", None, "holds a number or date that cannot be read", "look for one out of range")
        raise ConfigError([fault]) from None
    return load(data)


def _syntax_fault(message: str, text: str) -> ConfigFault:
    match = _POSITION.fullmatch(message)
    line, column = str(text.count("\n") + 1), str(len(text) - text.rfind("\n"))
    if match is not None:
        message, line, column = match[1], match[2] or line, match[3] or column
    rule = "is not valid TOML: " + " ".join(message.split())[:200]
    return ConfigFault(f"line {line}, column {column}", None, rule, "correct the line, or the one before it")


def load(data: dict[str, Any]) -> Config:
    """The configuration in parsed TOML data; raises ConfigError with all its faults, and nothing else."""
    faults = Faults()
    if not isinstance(data, Mapping):
        raise ConfigError([ConfigFault("file", show(data), "must be a table", "begin with [[vpn]]")])
    values = read_section(ROOT, data, "", faults)
    config = Config(**{"vpns": (), "lans": ()} | values)
    config = replace(config, vpns=_named(config.vpns, faults))
    check_config(config, faults)
    if faults.found:
        raise ConfigError(faults.found, config)
    return config


def _named(vpns: tuple[Vpn, ...], faults: Faults) -> tuple[Vpn, ...]:
    """The vpns, each without a name with its default; one whose name is at fault keeps none."""
    taken = {vpn.name for vpn in vpns} | {vpn.interface for vpn in vpns if not vpn.name}
    named = []
    for index, vpn in enumerate(vpns):
        if not vpn.name and faults.clean(f"{faults.item('vpn', index)}.name"):
            name = vpn.interface
            number = 1
            while not name:
                candidate = "vpn" if number == 1 else f"vpn{number}"
                name = None if candidate in taken else candidate
                number += 1
            taken.add(name)
            vpn = replace(vpn, name=name)
        named.append(vpn)
    return tuple(named)
