"""Ends this process, and those that it starts, when they try to reach the network: Python reads this as it starts.

Linux is told to kill whoever makes a socket of the internet, or connects one of any kind (looking up a host may begin
at a local socket), with the signal SIGSYS. This holds for C libraries too, of which Python's own audit hooks see
nothing. With FVAE_MAY_LISTEN in the environment sockets can be made, for servers, but none can be connected.
"""

import ctypes
import os
import platform
import socket
import struct

# Numbers of the system calls socket and connect.
_CALLS = {'x86_64': (41, 42), 'aarch64': (198, 203)}
_SECCOMP, _NO_NEW_PRIVILEGES, _FILTER = 22, 38, 2  # of prctl
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # of the filter's language: operation, skip if so, skip if not, value
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_CALL, _FIRST_ARGUMENT = 0, 16  # where a call's number and argument lie, bytes


class _Program(ctypes.Structure):
    _fields_ = (('length', ctypes.c_ushort), ('steps', ctypes.c_void_p))


def _forbid():
    make, connect = _CALLS[platform.machine()]
    steps = [(_LOAD, 0, 0, _CALL), (_IF_EQUAL, 0, 1, connect), (_RETURN, 0, 0, _KILL)]
    if 'FVAE_MAY_LISTEN' not in os.environ:
        families = [(_IF_EQUAL, 1, 0, int(socket.AF_INET)), (_IF_EQUAL, 0, 1, int(socket.AF_INET6))]
        steps += [(_IF_EQUAL, 0, 4, make), (_LOAD, 0, 0, _FIRST_ARGUMENT), *families, (_RETURN, 0, 0, _KILL)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *step) for step in steps))
    library = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(steps), ctypes.addressof(code))
    if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or library.prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), 'this system does not let a process forbid itself the network')


_forbid()
