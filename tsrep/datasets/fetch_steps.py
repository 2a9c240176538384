"""How to get by hand what cannot be downloaded for the user."""

from __future__ import annotations

from collections.abc import Iterator

from tsrep.datasets.dataset import About, default_folder

WHY = {
    "open": "its files cannot be fetched one by one from its page",
    "account": "its publishers ask for an account",
    "agreement": "its publishers ask for an agreement",
}


def steps(name: str, about: About) -> Iterator[str]:
    """Lines that say what a data set is, why it is not downloaded, and what to do instead.

    Nothing asks for, reads or keeps a password.
    """
    yield about.title
    yield f"licence: {about.licence}"
    yield f"It is not downloaded, as {WHY[about.access]}."
    ways = {
        "open": ("Download it from {url}.",),
        "account": ("Make an account at {url}.", "Download the files as that page says."),
        "agreement": ("Sign the agreement that {url} asks for.", "Download the files as they tell you."),
    }
    size = f" It takes about {about.size_mb:,.0f} MB." if about.size_mb else ""
    todo = [
        *(way.format(url=about.url) for way in ways[about.access]),
        f"Put the files into {default_folder(name)}, or any folder DIR.{size} There must lie: "
        f"{', '.join((*about.needs, *about.layout))}.",
        f"Look it over with: tsrep data check {name} --root DIR",
    ]
    if about.notes:
        yield about.notes
    yield from (f"{number}. {line}" for number, line in enumerate(todo, 1))
