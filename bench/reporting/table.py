"""Rows from bars and samples, and the table as text."""

from statistics import mean, stdev

from .measure import NotMeasured


def row(bar, samples):
    """One bar as a dictionary: what JSON and text are made of."""
    result = {"row": bar.title(), "unit": bar.measure.unit, "at_least": bar.at_least, "at_most": bar.at_most,
              "aim": bar.aim, "value": None, "noise": None, "repetitions": 0, "note": ""}
    try:
        value, each = bar.measure.evaluate(samples)
    except NotMeasured as why:
        return {**result, "verdict": "not measured", "note": str(why)}
    labels = [samples.labels(name) for name, _ in bar.measure.terms()]
    if len(set().union(*labels)) > 1:
        result["note"] = "not on the same pages: " + " / ".join(",".join(sorted(l)) for l in labels)
    noise = {"min": min(each), "max": max(each), "cv": _variation(each)}
    return {**result, "value": value, "noise": noise, "repetitions": len(each),
            "verdict": verdict(bar, value) + _doubt(bar, noise)}


def _doubt(bar, noise):
    """Some repetitions were above the bar and some below it."""
    limit = bar.at_least if bar.at_least is not None else bar.at_most
    return ", within noise" if limit is not None and noise["min"] < limit < noise["max"] else ""


def _variation(each):
    """Standard deviation over mean; None for one repetition."""
    return stdev(each) / abs(mean(each)) if len(each) > 1 and mean(each) else None


def verdict(bar, value):
    def reached(limit):
        return limit is not None and (value <= limit if bar.at_most is not None else value >= limit)
    if bar.at_least is None and bar.at_most is None:
        return "-"
    if not reached(bar.at_least if bar.at_least is not None else bar.at_most):
        return "NOT MET"
    return "met, and the aim" if reached(bar.aim) else "met"


def number(value, unit=""):
    if value is None:
        return ""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return f"{text} {unit}".rstrip()


def _cells(r):
    bar = ("at most " if r["at_most"] is not None else "") + number(r["at_least"] or r["at_most"], r["unit"])
    if r["value"] is None:
        return [r["row"], "", "", bar, number(r["aim"], r["unit"]), "not measured"]
    noise = f"{number(r['noise']['min'])}..{number(r['noise']['max'])}" if r["repetitions"] > 1 else "one run"
    if r["noise"]["cv"] is not None:
        noise += f" ±{100 * r['noise']['cv']:.0f} %"
    return [r["row"], number(r["value"], r["unit"]), noise, bar, number(r["aim"], r["unit"]), r["verdict"]]


def text(rows):
    """A Markdown table, columns aligned, with notes behind it."""
    header = ["row", "measured", "noise", "bar", "aim", "verdict"]
    table = [header, *map(_cells, rows)]
    widths = [max(len(cells[i]) for cells in table) for i in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |" for cells in table]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    notes = [f"  {r['row']}: {r['note']}" for r in rows if r["note"]]
    return "\n".join(lines + (["", "Notes:"] + notes if notes else []))


def summary(rows):
    barred = [r for r in rows if r["at_least"] is not None or r["at_most"] is not None]
    met = sum(r["verdict"].startswith("met") for r in barred)
    missing = sum(r["verdict"] == "not measured" for r in barred)
    return f"{len(barred)} bars: {met} met, {len(barred) - met - missing} not met, {missing} not measured"
