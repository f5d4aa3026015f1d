"""As much of bpf(2) as it takes to load a small XDP program and let the kernel run it over live frames."""

import ctypes
import os
import platform
import struct

_SYSCALL = {"x86_64": 321, "aarch64": 280}
_MAP_CREATE, _MAP_UPDATE, _PROG_LOAD, _PROG_TEST_RUN = 0, 2, 5, 10
_MAP_TYPE_ARRAY, _PROG_TYPE_XDP, _LIVE_FRAMES = 2, 6, 2
XDP_DROP, XDP_PASS = 1, 2
_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes, what):
    buffer = ctypes.create_string_buffer(attributes.ljust(144, b"\0"))
    result = _libc.syscall(_SYSCALL[platform.machine()], command, buffer, len(buffer))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def _address(buffer):
    return ctypes.addressof(buffer) if buffer is not None else 0


class State:
    """An array of one element, `words` numbers of 64 bits, that program and user share."""

    def __init__(self, words):
        self.fd = _bpf(_MAP_CREATE, struct.pack("=IIIII", _MAP_TYPE_ARRAY, 4, 8 * words, 1, 0), "BPF map")

    def write(self, *words):
        key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(struct.pack(f"={len(words)}Q", *words))
        _bpf(_MAP_UPDATE, struct.pack("=IIQQQ", self.fd, 0, _address(key), _address(value), 0), "BPF map")


class Program:
    """An XDP program from instructions (bytes)."""

    def __init__(self, code):
        log, text, terms = (ctypes.create_string_buffer(x) for x in (bytes(65536), code, b"BSD"))
        attributes = struct.pack("=IIQQIIQ", _PROG_TYPE_XDP, len(code) // 8, _address(text), _address(terms), 1, len(log),
                                 _address(log))
        try:
            self.fd = _bpf(_PROG_LOAD, attributes, "BPF program")
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}\n{log.value.decode(errors='replace')[-500:]}") from error

    def send(self, frame, ifindex, packets, batch=64):
        """Runs over `packets` frames as if they had come in at the interface; what it passes goes up the stack."""
        data = ctypes.create_string_buffer(frame, len(frame))
        context = ctypes.create_string_buffer(struct.pack("=IIIIII", 0, len(frame), 0, ifindex, 0, 0), 24)
        _bpf(_PROG_TEST_RUN, struct.pack("=IIIIQQIIIIQQIII", self.fd, 0, len(frame), 0, _address(data), 0, packets, 0, 24, 0,
                                         _address(context), 0, _LIVE_FRAMES, 0, batch), "BPF live frames")


class Assembler:
    """Instructions one by one; registers are numbers, labels strings."""
    _SIZES = {2: 0x08, 4: 0x00, 8: 0x18}
    _OPERATIONS = {"+=": 0x00, "*=": 0x20, "&=": 0x50, ">>=": 0x70, "^=": 0xA0, "=": 0xB0}

    def __init__(self):
        self._code, self._labels = [], {}

    def _add(self, opcode, target=0, source=0, offset=0, value=0):
        self._code.append([opcode, target | source << 4, offset, value])

    def state(self, target, state):
        self._add(0x18, target, 2, 0, state.fd)  # the address of the map's value
        self._add(0)

    def load(self, target, base, offset, size=8):
        self._add(0x61 | self._SIZES[size], target, base, offset)

    def store(self, base, offset, source, size=8):
        self._add(0x63 | self._SIZES[size], base, source, offset)

    def store_bytes(self, base, offset, data):
        """2 or 4 bytes that stand in the frame as they are here."""
        self._add(0x62 | self._SIZES[len(data)], base, 0, offset, int.from_bytes(data, "little"))

    def do(self, target, operation, value):
        """do(1, "+=", 5), 64 bits wide."""
        self._add(0x07 | self._OPERATIONS[operation], target, 0, 0, value)

    def do_with(self, target, operation, source):
        self._add(0x0F | self._OPERATIONS[operation], target, source)

    def add_address(self, target, value):
        self._add(0x04, target, 0, 0, value)  # 32 bits wide

    def to_network_order(self, target, bits):
        self._add(0xDC, target, 0, 0, bits)

    def jump_if_above(self, left, right, label):
        self._add(0x2D, left, right, label)

    def jump_if_set(self, register, label):
        self._add(0x55, register, 0, label)

    def label(self, name):
        self._labels[name] = len(self._code)

    def leave(self):
        self._add(0x95)

    def bytes(self):
        code = b""
        for at, (opcode, registers, offset, value) in enumerate(self._code):
            offset = self._labels[offset] - at - 1 if isinstance(offset, str) else offset
            code += struct.pack("=BBhI", opcode, registers, offset, value & 0xFFFFFFFF)
        return code
