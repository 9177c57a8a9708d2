"""`python -m routerd.docs DIRECTORY`: writes what packages install below /usr/share."""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from routerd import __version__
from routerd.cli import parser
from routerd.config.tables import ROOT
from routerd.docs import bash, fish, man_command, man_config, problems_page, zsh
from routerd.docs.arguments import read
from routerd.docs.reference import read_reference
from routerd.docs.schema import json_schema
from routerd.problems import REGISTRY

_CONFIGS = (Path(__file__).parents[2] / "configs", Path(sys.prefix, "share/doc/routerd/examples"))
"""Where the reference is: in a checkout, and beside an installed package."""


def texts(day: str) -> dict[str, str]:
    """Every file, by its path below /usr/share, with its text. `day` is the date of the manual pages."""
    program = read(parser())
    configs = next(path for path in _CONFIGS if path.is_dir())
    reference = read_reference((configs / "reference.toml").read_text(encoding="utf-8"))
    minimal = (configs / "minimal.toml").read_text(encoding="utf-8")
    heading = f'.TH {{}} {{}} {day} "routerd {__version__}" "{{}}"'
    commands = heading.format("ROUTERD", 8, "System administration")
    files = heading.format("ROUTERD.TOML", 5, "File formats")
    problems = heading.format("ROUTERD-PROBLEMS", 7, "Miscellaneous")
    return {
        "man/man8/routerd.8": man_command.manual(program, commands),
        "man/man5/routerd.toml.5": man_config.manual(ROOT, reference, minimal, files),
        "man/man7/routerd-problems.7": problems_page.manual(REGISTRY.values(), problems),
        "doc/routerd/when-it-does-not-work.md": problems_page.text(REGISTRY.values()),
        "bash-completion/completions/routerd": bash.completion(program),
        "zsh/vendor-completions/_routerd": zsh.completion(program),
        "fish/vendor_completions.d/routerd.fish": fish.completion(program),
        "routerd/routerd.schema.json": json.dumps(json_schema(ROOT), indent=2, ensure_ascii=False) + "\n",
    }


def main() -> int:
    """Write them; 0 where that is done."""
    arguments = argparse.ArgumentParser(prog="python -m routerd.docs", description=__doc__)
    arguments.add_argument("directory", metavar="DIRECTORY", type=Path, help="/usr/share, below the package's root")
    directory = arguments.parse_args().directory
    moment = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time()))
    try:
        for name, text in texts(time.strftime("%Y-%m-%d", moment)).items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"{error.filename}: cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
