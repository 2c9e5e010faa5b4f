"""Which system calls programs in a sandbox may make, as a filter for the kernel (seccomp BPF).

Refused are calls that no program of an agent needs and that reach the kernel beside the namespaces,
or have been ways out of them: mounting, namespaces, tracing, key rings, io_uring, BPF, modules,
clocks. Calls newer than this list do not exist in a sandbox, nor does asynchronous input and output
of the old kind, which the whole machine has a single number of. Names and numbers are those of
linux/unistd.h; docs/sandbox.md says what was tried.
"""

import errno
import os
import platform
import struct
from collections.abc import Sequence
from dataclasses import dataclass

# linux/bpf_common.h: load a word, jump if equal / greater or equal / any bit set, and, return.
LOAD, JEQ, JGE, JSET, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
# linux/seccomp.h: the actions, and where in `struct seccomp_data` the words are.
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCHITECTURE = 0, 4
FIRST_ARGUMENT, SECOND_ARGUMENT, THIRD_ARGUMENT = 16, 24, 32

NEWEST_KNOWN = 466  # removexattrat, Linux 6.13; the same on both architectures
CLONE3 = 435
# Mount, cgroup, UTS, IPC, user, PID and network namespaces; time's bit is only in clone3.
CLONE_NEW_ANYTHING = 0x7E020000
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  # type into somebody's terminal
FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
# SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET: no raw ones, and none that would load kernel modules.
TYPES = (1, 2, 5)
KIND_OF_SOCKET = 0xF  # the bits of a type without its flags, SOCK_NONBLOCK and SOCK_CLOEXEC
PROTOCOLS = (0, 1, 6, 17, 58)  # any, ICMP, TCP, UDP, ICMPv6: others would load kernel modules

# Refused with EPERM: (x86_64, aarch64), None where an architecture has no such call.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "_sysctl": (156, None),
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "cachestat": (451, 451),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "listmount": (458, 458),
    "lookup_dcookie": (212, 18),
    "mbind": (237, 235),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "statmount": (457, 457),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
    "vmsplice": (278, 75),
}
# As if the kernel had been built without them.
ABSENT: dict[str, tuple[int | None, int | None]] = {
    "io_cancel": (210, 3),
    "io_destroy": (207, 1),
    "io_getevents": (208, 4),
    "io_pgetevents": (333, 292),
    "io_setup": (206, 0),
    "io_submit": (209, 2),
}
# Memory that belongs to no process: only a control group counts it.
UNCOUNTED = {"memfd_create": (319, 279), "shmget": (29, 194)}


@dataclass(frozen=True, slots=True)
class Architecture:
    audit: int  # linux/audit.h
    column: int
    socket: int
    socketpair: int
    ioctl: int
    clone: int


ARCHITECTURES = {
    "x86_64": Architecture(0xC000003E, 0, socket=41, socketpair=53, ioctl=16, clone=56),
    "aarch64": Architecture(0xC00000B7, 1, socket=198, socketpair=199, ioctl=29, clone=220),
}


def is_known(machine: str | None = None) -> bool:
    """Tell whether there is a filter for this kind of processor."""
    return (machine or platform.machine()) in ARCHITECTURES


def program(machine: str | None = None, *, counts_memory: bool) -> bytes:
    """Return the filter. `counts_memory` says that a control group limits memory of all kinds;
    without one, the kinds that no process is seen to have are refused. Raises KeyError."""
    of = ARCHITECTURES[machine or platform.machine()]
    refused = [numbers[of.column] for numbers in REFUSED.values()]
    if not counts_memory:
        refused += [numbers[of.column] for numbers in UNCOUNTED.values()]
    code = [
        _line(LOAD, ARCHITECTURE),
        _line(JEQ, of.audit, 1, 0),
        _line(RETURN, KILL),  # calls in another machine's numbers, such as 32-bit ones
        _line(LOAD, NUMBER),
        # x86-64's x32 numbers, far above, are killed; what is newer than the list does not exist.
        _line(JGE, 0x40000000, 0, 1),
        _line(RETURN, KILL),
        _line(JGE, NEWEST_KNOWN + 1, 0, 1),
        _refuse(errno.ENOSYS),
        # Its flags are in memory, where no filter can look: the C library falls back to clone.
        _line(JEQ, CLONE3, 0, 1),
        _refuse(errno.ENOSYS),
    ]
    for number in sorted(number for number in refused if number is not None):
        code += [_line(JEQ, number, 0, 1), _refuse(errno.EPERM)]
    absent = [numbers[of.column] for numbers in ABSENT.values()]
    for number in sorted(number for number in absent if number is not None):
        code += [_line(JEQ, number, 0, 1), _refuse(errno.ENOSYS)]
    code += _clone(of) + _ioctl(of) + _socket(of.socketpair) + _socket(of.socket)
    code.append(_line(RETURN, ALLOW))
    return b"".join(code)


def memfd(*, counts_memory: bool) -> int:
    """Return a descriptor to read the filter from."""
    descriptor = os.memfd_create("filter", os.MFD_CLOEXEC)
    os.write(descriptor, program(counts_memory=counts_memory))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


# Each of these ends with the call's number loaded if it is another call, so that they chain.


def _clone(of: Architecture) -> list[bytes]:
    return [
        _line(JEQ, of.clone, 0, 4),
        _line(LOAD, FIRST_ARGUMENT),
        _line(JSET, CLONE_NEW_ANYTHING, 0, 1),
        _refuse(errno.EPERM),
        _line(RETURN, ALLOW),
    ]


def _ioctl(of: Architecture) -> list[bytes]:
    return [
        _line(JEQ, of.ioctl, 0, 5),
        _line(LOAD, SECOND_ARGUMENT),  # its lower word, which is what the kernel looks at
        _line(JEQ, TIOCSTI, 1, 0),
        _line(JEQ, TIOCLINUX, 0, 1),
        _refuse(errno.EPERM),
        _line(RETURN, ALLOW),
    ]


def _socket(number: int) -> list[bytes]:
    inside = [
        _line(LOAD, FIRST_ARGUMENT),
        *_one_of(FAMILIES, errno.EAFNOSUPPORT),
        _line(LOAD, SECOND_ARGUMENT),
        _line(AND, KIND_OF_SOCKET),
        *_one_of(TYPES, errno.ESOCKTNOSUPPORT),
        _line(LOAD, THIRD_ARGUMENT),
        *_one_of(PROTOCOLS, errno.EPROTONOSUPPORT),
        _line(RETURN, ALLOW),
    ]
    return [_line(JEQ, number, 0, len(inside)), *inside]


def _one_of(values: Sequence[int], otherwise: int) -> list[bytes]:
    """Refuse the call, with this error, if what is loaded is none of the values."""
    jumps = [_line(JEQ, value, len(values) - at, 0) for at, value in enumerate(values)]
    return [*jumps, _refuse(otherwise)]


def _refuse(number: int) -> bytes:
    return _line(RETURN, ERRNO | number)


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
