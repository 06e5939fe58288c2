"""The figures of a soak, printed at its end as a table for docs/reliability.md."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Notes what a test has tried: `figures("kill -9, train", points=128)`."""
    return lambda name, **numbers: record_property("figures", [name, *numbers.items()])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, *numbers in (value for key, value in report.user_properties if key == "figures"):
                cells = [name, *(f"{value:,} {what}" for what, value in numbers), outcome]
                terminalreporter.write_line(f"| {' | '.join(cells)} |")
