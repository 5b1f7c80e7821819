"""Connects a drive, looks at it and ends it, through libmpr.

    python3 drives.py LIBDIR NAME REMOTE USER < password
"""
import ctypes
import os
import sys

libdir, name, remote, user = sys.argv[1:5]
mpr = ctypes.CDLL(os.path.join(libdir, "libmpr.so"))


class NetResource(ctypes.Structure):
    _fields_ = [(field, ctypes.c_uint32) for field in ("scope", "type", "display", "usage")] + [
        (field, ctypes.c_char_p) for field in ("local", "remote", "comment", "provider")
    ]


def check(code):
    if code:
        number, text, provider = ctypes.c_uint32(), ctypes.create_string_buffer(512), ctypes.create_string_buffer(64)
        mpr.WNetGetLastErrorA(ctypes.byref(number), text, 512, provider, 64)
        sys.exit(f"error {code}: {provider.value.decode()}: {text.value.decode()}")


resource = NetResource(type=1, local=name.encode(), remote=remote.encode())
password = sys.stdin.readline().rstrip("\n").encode()
check(mpr.WNetAddConnection2A(ctypes.byref(resource), password, user.encode(), 0))

size = ctypes.c_uint32(260)
behind = ctypes.create_string_buffer(size.value)
check(mpr.WNetGetConnectionA(name.encode(), behind, ctypes.byref(size)))
print(f"{name} is connected to {behind.value.decode()}")

check(mpr.WNetCancelConnection2A(name.encode(), 0, False))
print(f"{name} has ended")
