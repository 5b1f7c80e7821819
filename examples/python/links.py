"""Lists the links, and hangs up those that are named, through librasapi32.

    python3 links.py LIBDIR [NAME...]
"""
import ctypes
import os
import sys

libdir, names = sys.argv[1], sys.argv[2:]
ras = ctypes.CDLL(os.path.join(libdir, "librasapi32.so"))


class RasConn(ctypes.Structure):
    """The oldest and shortest RASCONNA: every version begins like this."""

    _pack_ = 4
    _fields_ = [("size", ctypes.c_uint32), ("handle", ctypes.c_void_p), ("name", ctypes.c_char * 257)]


def text(code):
    buffer = ctypes.create_string_buffer(256)
    return buffer.value.decode() if ras.RasGetErrorStringA(code, buffer, 256) == 0 else ""


links = (RasConn * 20)()
links[0].size = ctypes.sizeof(RasConn)
size, count = ctypes.c_uint32(ctypes.sizeof(links)), ctypes.c_uint32()
code = ras.RasEnumConnectionsA(links, ctypes.byref(size), ctypes.byref(count))
if code:
    sys.exit(f"error {code}: {text(code)}")

for link in links[: count.value]:
    name = link.name.decode()
    if name in names:
        code = ras.RasHangUpA(ctypes.c_void_p(link.handle))
        print(f"{name} has ended" if code == 0 else f"{name}: error {code}: {text(code)}")
    else:
        print(f"{name} is connected")
print(f"{count.value} links")
