"""The plot as SVG, written by hand: packets a second over number of flows, both axes logarithmic."""

from math import floor, log10
from statistics import median
from xml.sax.saxutils import escape

from .measure import ITEMS

WIDTH, HEIGHT = 1000, 620
LEFT, RIGHT, TOP, BOTTOM = 90, 340, 84, 64
FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"
SMALL_STEPS = (2, 5)

# name of the samples up to the number of flows, label, colour (Okabe and Ito's, told apart by the colour-blind), dashes
SERIES = [
    ("Memory/two_random_lines", "memory itself: two random lines", "#999999", "7 5"),
    ("Peer/rte_hash_lookup_bulk32", "DPDK rte_hash: look-up alone", "#E69F00", ""),
    ("Pipeline/established", "coretrack: whole packet path", "#0072B2", ""),
    ("Forward/testpmd", "testpmd io: the two devices alone", "#999999", "2 4"),
    ("Forward/coretrackd", "coretrackd, device to device", "#56B4E9", ""),
    ("Forward/coretrackd_checksums", "coretrackd, also verifying TCP checksums", "#009E73", ""),
    ("Forward/ovs_ct", "Open vSwitch, userspace, ct(commit)", "#D55E00", ""),
    ("Forward/linux_routing", "Linux, routing alone", "#000000", "2 4"),
    ("Forward/linux_conntrack", "Linux, routing with nf_conntrack", "#CC79A7", ""),
]


def points(samples, name):
    """[(flows, median, least, most)] of every size there is."""
    found = []
    for full in samples.by_name:
        stem, _, number = full.rpartition("/")
        if stem != name or not number.isdigit():
            continue
        if stem.startswith("Memory/"):  # by bytes; 128 a flow are those of the pipeline's tables
            if int(number) % 128:
                continue
            number = int(number) // 128
        values = [s[ITEMS] for s in samples.by_name[full] if s.get(ITEMS)]
        if values:
            found.append((int(number), median(values), min(values), max(values)))
    return sorted(found)


def _rate(value):
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k"


def _flows(value):
    for shift, letter in ((20, " M"), (10, " k")):
        if value >= 1 << shift:
            return f"{value >> shift}{letter}"
    return str(value)


class Scale:
    """From a value to a place, logarithmically."""

    def __init__(self, low, high, start, end):
        self._low, self._start, self._per = log10(low), start, (end - start) / (log10(high) - log10(low))

    def __call__(self, value):
        return self._start + (log10(value) - self._low) * self._per


def _line(x1, y1, x2, y2, style):
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' {style}/>"


def _text(x, y, text, style=""):
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(text)}</text>"


def _frame(x, y, sizes, low, high):
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for decade in range(floor(log10(low)), floor(log10(high)) + 1):
        for step in (1, *SMALL_STEPS):
            value = step * 10**decade
            if low <= value <= high:
                shade = "#cccccc" if step == 1 else "#ececec"
                parts += [_line(LEFT, y(value), right, y(value), f"stroke='{shade}'"),
                          _text(LEFT - 10, y(value) + 4, _rate(value), "text-anchor='end'")]
    for size in sizes:
        parts += [_line(x(size), TOP, x(size), bottom, "stroke='#ececec'"),
                  _text(x(size), bottom + 20, _flows(size), "text-anchor='middle'")]
    middle = (TOP + bottom) / 2
    axis = "stroke='#444444'"
    return parts + [_line(LEFT, bottom, right, bottom, axis), _line(LEFT, TOP, LEFT, bottom, axis),
                    _text((LEFT + right) / 2, bottom + 46, "established TCP flows (1 k = 1,024)", "text-anchor='middle'"),
                    _text(24, middle, "packets a second, one core", f"text-anchor='middle' transform='rotate(-90 24 {middle:.1f})'")]


def _curve(x, y, curve, colour, dashes):
    path = " ".join(f"{x(flows):.1f},{y(value):.1f}" for flows, value, _, _ in curve)
    parts = [f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2.5' stroke-dasharray='{dashes}'/>"]
    for flows, value, least, most in curve:
        parts += [_line(x(flows), y(least), x(flows), y(most), f"stroke='{colour}' stroke-width='1.5'"),
                  f"<circle cx='{x(flows):.1f}' cy='{y(value):.1f}' r='4' fill='{colour}'/>"]
    return parts


def _labels(x, y, curves):
    """At the right, each as near to the height of its curve's end as the others leave room for."""
    wanted = sorted((y(curve[-1][1]), index) for index, (_, _, _, curve) in enumerate(curves))
    places, gap = [], 19
    for height, _ in wanted:
        places.append(max(height, places[-1] + gap) if places else height)
    overflow = places[-1] - (HEIGHT - BOTTOM)
    for i in range(len(places) - 1, -1, -1):  # pushed back up from below
        limit = places[i + 1] - gap if i + 1 < len(places) else places[i] - max(overflow, 0)
        places[i] = min(places[i], limit)
    parts, at = [], WIDTH - RIGHT + 24
    for place, (height, index) in zip(places, wanted):
        label, colour, dashes, curve = curves[index]
        line = f"{x(curve[-1][0]) + 6:.1f},{height:.1f} {WIDTH - RIGHT + 4},{height:.1f} {at - 4},{place:.1f}"
        parts += [f"<polyline points='{line}' fill='none' stroke='{colour}' stroke-width='0.8' stroke-opacity='0.6'/>",
                  _text(at, place + 4, label, f"fill='{'#666666' if colour == '#999999' else colour}'")]
    return parts


def svg(samples, subtitle):
    """The document, or None when there is nothing to show."""
    curves = [(*style, curve) for name, *style in SERIES if (curve := points(samples, name))]
    if not curves:
        return None
    every = [point for *_, curve in curves for point in curve]
    low, high = min(p[2] for p in every) / 1.25, max(p[3] for p in every) * 1.25
    sizes = sorted({p[0] for p in every})
    x = Scale(sizes[0], max(sizes[-1], 2 * sizes[0]), LEFT + 20, WIDTH - RIGHT - 20)
    y = Scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' "
             f"viewBox='0 0 {WIDTH} {HEIGHT}' {FONT} font-size='13' fill='#333333'>",
             f"<rect width='{WIDTH}' height='{HEIGHT}' fill='white'/>",
             _text(LEFT, 34, "Packets a second over number of flows", "font-size='19' font-weight='bold'"),
             _text(LEFT, 58, subtitle, "font-size='12' fill='#666666'")]
    parts += _frame(x, y, sizes, low, high)
    for _, colour, dashes, curve in curves:
        parts += _curve(x, y, curve, colour, dashes)
    return "\n".join(parts + _labels(x, y, curves) + ["</svg>", ""])
