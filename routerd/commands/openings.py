"""What a firewall beside routerd must let through now, as facts for the script that sets it up."""

import asyncio
from dataclasses import asdict

from routerd.commands.machine import read_facts
from routerd.config.model import Config
from routerd.plan import plan
from routerd.plan_openings import openings
from routerd.system.site_routes import networks_by_interface


def rules(config: Config) -> list[dict[str, str]]:
    """Every opening by the names of its fields, in text; several networks are parted by spaces."""
    facts = asyncio.run(read_facts(config))
    made = openings(config, facts, plan(config, facts), networks_by_interface())
    return [{name: _text(value) for name, value in asdict(each).items()} for each in made]


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
