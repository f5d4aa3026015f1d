"""The two devices of every DPDK program here: one that plays the capture for ever, one that throws away."""

# A packet buffer with its headers, of 1500 bytes of MTU; and what a program needs besides.
_BUFFER_BYTES, _BESIDES_MIB = 2560, 256


def source(capture):
    return f"net_pcap0,rx_pcap={capture},infinite_rx=1"


SINK = "net_null0,no-rx=1"


def buffers(packets):
    """Packet buffers to ask for: the capture lies in them, the rest are under way."""
    return packets + 16384


def memory_mib(packets):
    return buffers(packets) * _BUFFER_BYTES // 2**20 + _BESIDES_MIB
