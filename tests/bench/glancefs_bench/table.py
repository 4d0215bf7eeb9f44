"""The rows as a Markdown table."""

from glancefs_bench.rows import Row, figure


def measured(row: Row) -> str:
    """The cell that counts."""
    if row.measured is None:
        return f"– ({row.note})"
    text = figure(row.measured, row.unit)
    return f"**{text}** (missed)" if row.verdict == "missed" else text


def markdown(rows: list[Row], machine: str) -> str:
    lines = [machine, "", "| group | work | target | measured | medians |", "|---|---|---|---|---|"]
    for row in rows:
        cells = [row.group, row.work, str(row.target or ""), measured(row), row.medians]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
