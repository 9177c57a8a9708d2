"""Writes what is made here: scheme.js from routerd's table of keys, and the template of translations (`make docs`)."""

from pathlib import Path

from routerd.docs.luci import scheme, template

APP = Path(__file__).parent
RESOURCES = APP / "htdocs/luci-static/resources"
SCHEME = RESOURCES / "routerd/scheme.js"
TEMPLATE = APP / "po/templates/routerd.pot"


def sources() -> dict[str, str]:
    """The files with texts to translate, by their paths in the feed."""
    found = [*APP.glob("htdocs/**/*.js"), *APP.glob("root/**/*.json")]
    return {str(Path("luci-app-routerd") / path.relative_to(APP)): path.read_text(encoding="utf-8") for path in found}


def main() -> None:
    """Write them."""
    for path, text in ((SCHEME, scheme), (TEMPLATE, lambda: template(sources()))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
