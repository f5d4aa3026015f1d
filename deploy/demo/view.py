"""The terminal view: a Snapshot as lines. Pure functions; 80 columns by 24 lines is what it is made for."""

BARS = " ▁▂▃▄▅▆▇█"
_BOLD, _DIM, _TITLE, _OFF = "1", "2", "30;46", "0"
_COLOUR = {"ESTABLISHED": "32", "TIME_WAIT": "34", "CLOSED": "31", "SYN_SENT": "33", "SYN_RCVD": "33", "LISTEN": "33"}
STATE_ROWS = 7


def number(value):
    return f"{value:,.0f}"


def human_bytes(value):
    for unit in ("", "K", "M", "G"):
        if value < 10_000:
            return f"{value:.0f}{unit}" if not unit or value >= 10 else f"{value:.1f}{unit}"
        value /= 1000
    return f"{value:.0f}T"


def sparkline(values, width):
    """The last `width` values against their largest."""
    values = list(values)[-width:]
    top = max(values, default=0) or 1
    bars = "".join(BARS[min(8, round(8 * value / top)) if value <= 0 else max(1, round(8 * value / top))]
                   for value in values)
    return bars.rjust(width)


def endpoint(end):
    address = f"[{end['address']}]" if ":" in end["address"] else end["address"]
    return f"{address}:{end['port']}"


class Painter:
    """Pads and colours; with colour off, only pads."""

    def __init__(self, colour):
        self._colour = colour

    def __call__(self, text, code):
        return f"\033[{code}m{text}\033[{_OFF}m" if self._colour and code else text

    def state(self, name, width):
        return self(f"{name:<{width}}", _COLOUR.get(name, "36"))


def _head(snapshot, title, width, paint):
    up = int(snapshot.uptime_seconds)
    right = f"up {up // 3600:02}:{up // 60 % 60:02}:{up % 60:02} "
    left = f" coretrack   {title}"[:width - len(right)]
    return paint(left + right.rjust(width - len(left)), _TITLE)


def _gauges(snapshot, history, now, paint):
    rows = (("packets/s", number(now.packets), [rate.packets for rate in history], "received", snapshot.received),
            ("Mbit/s", f"{now.bits / 1e6:,.1f}", [rate.bits for rate in history], "forwarded", snapshot.forwarded),
            ("connections/s", number(now.connections), [rate.connections for rate in history], "dropped",
             snapshot.dropped))
    lines = [f" {name:<14}{paint(f'{value:>9}', _BOLD)}  {paint(sparkline(values, 24), '36')}   "
             f"{what:<10}{number(total):>13}" for name, value, values, what, total in rows]
    lines.append(f" {'flows':<14}{paint(f'{number(snapshot.flows):>9}', _BOLD)}{'':29}{'in flight':<10}"
                 f"{number(snapshot.in_flight):>13}")
    return lines


def _states(snapshot, width, paint):
    rows = snapshot.by_state.most_common()
    if len(rows) > STATE_ROWS:
        rest = sum(count for _, count in rows[STATE_ROWS - 1:])
        rows = rows[:STATE_ROWS - 1] + [(("other", ""), rest)]
    most = max((count for _, count in rows), default=1)
    room = width - 41
    lines = [paint(f" {'ORIGINATOR':<13}{'RESPONDER':<13}{'FLOWS':>9}", _DIM)]
    for (originator, responder), count in rows:
        bar = "█" * max(1, round(room * count / most))
        lines.append(f" {paint.state(originator, 13)}{paint.state(responder, 13)}{number(count):>9}  "
                     f"{paint(bar, _COLOUR.get(originator, '36'))}")
    return lines + [""] * (STATE_ROWS - len(rows))


def _newest(snapshot, rows, paint):
    lines = [paint(f" {'NEWEST FLOWS':<21}{'':<19}{'STATES':<24}{'PACKETS':>7}{'BYTES':>7}", _DIM)]
    for flow in snapshot.newest[:rows]:
        ends = flow["originator"], flow["responder"]
        first, second = (end["state"] or "-" for end in ends)
        lines.append(f" {endpoint(ends[0]):<19}> {endpoint(ends[1]):<18}{paint.state(first, 12)}"
                     f"{paint.state(second, 12)}{sum(end['packets'] for end in ends):>7}"
                     f"{human_bytes(sum(end['bytes'] for end in ends)):>7}")
    return lines


def screen(snapshot, history, title, footer, width=80, height=24, colour=True):
    """A list of at most `height` lines. `history`: Rates, oldest first, the last one being now's."""
    paint = Painter(colour)
    lines = [_head(snapshot, title, width, paint), ""]
    lines += _gauges(snapshot, history, history[-1], paint) + [""]
    lines += _states(snapshot, width, paint) + [""]
    lines += _newest(snapshot, height - len(lines) - 2, paint)
    lines = lines[:height - 1]
    return lines + [""] * (height - 1 - len(lines)) + [paint(f" {footer}"[:width], _DIM)]


def plain(snapshot, now, elapsed_seconds):
    """One line, for output that is no terminal."""
    states = ", ".join(f"{a}/{b} {count}" for (a, b), count in snapshot.by_state.most_common(4))
    line = (f"{elapsed_seconds:4.0f} s  {number(now.packets):>7} packets/s  {now.bits / 1e6:6.1f} Mbit/s  "
            f"{number(now.connections):>5} connections/s  {number(snapshot.flows):>6} flows: {states}")
    if snapshot.newest:
        flow = snapshot.newest[0]
        line += (f"; newest {endpoint(flow['originator'])} > {endpoint(flow['responder'])} "
                 f"{flow['originator']['state']}/{flow['responder']['state']}")
    return line
