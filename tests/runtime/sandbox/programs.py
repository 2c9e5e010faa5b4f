# ruff: noqa: E501  programs read better in few lines
"""Hostile programs, each with what it tries. It prints OPEN where that worked, BLOCKED where not.

`P(name, code, …)`: Python run in the agent's directory, after PRELUDE. `plain` says that it may be
run without a sandbox, and prints OPEN then: so it bites. `killed` is what it must be killed for,
`code` its exit code; without either it must end by itself and say BLOCKED.

Where things of the host and of a neighbour are, it finds in its environment: see world.py.
"""

from dataclasses import dataclass

from agenhood.runtime.sandbox import seccomp
from agenhood.runtime.sandbox.seccomp import ABSENT, REFUSED

PRELUDE = """
import ctypes, errno, os, platform, resource, signal, socket, stat, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
E = os.environ
COLUMN = {"x86_64": 0, "aarch64": 1}[platform.machine()]
def call(numbers, *arguments):
    arguments = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(numbers[COLUMN]), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def attempt(*ways):
    for way in ways:
        try:
            found = way()
        except (OSError, ValueError, RuntimeError, MemoryError, subprocess.SubprocessError) as e:
            print("no:", e)
        else:
            if found is not False:
                print("OPEN", found)
                sys.exit()
    print("BLOCKED")
def connect(family, address, type=socket.SOCK_STREAM):
    s = socket.socket(family, type)
    s.settimeout(0.3)
    s.connect(address)
def read(path):
    with open(path, "rb") as f:
        return f.read(20)
def write(path):
    with open(path, "w") as f:
        f.write("x")
"""


@dataclass(frozen=True)
class P:
    name: str
    code: str
    plain: bool = False
    killed: str = ""
    exit_code: int | None = None
    wall_seconds: float = 15.0


def numbers(name: str) -> str:
    return repr({**REFUSED, **seccomp.UNCOUNTED}[name])


FILES = [
    P("read the passwords of the host", "attempt(lambda: read('/etc/shadow'))", plain=True),
    P("read who uses the host", "attempt(lambda: b'root' in read('/etc/passwd'))", plain=True),
    P("read a secret file of the host", "attempt(lambda: read(E['SECRET_FILE']))", plain=True),
    P("read the neighbour's file", "attempt(lambda: read(E['NEIGHBOUR_FILE']))", plain=True),
    P("list all agents", "attempt(lambda: os.listdir(E['AGENTS']))", plain=True),
    P("list the console's code", "attempt(lambda: os.listdir(E['CHECKOUT']))", plain=True),
    P("list the homes", "attempt(lambda: os.listdir('/root'), lambda: os.listdir('/home'))"),
    P("list what runs", "attempt(lambda: set(os.listdir('/run')) - {'agenhood'} or False)"),
    P("write in /usr", "attempt(lambda: write('/usr/x'), lambda: write('/usr/bin/env'))"),
    P("write in /etc", "attempt(lambda: write('/etc/passwd'), lambda: write('/etc/x'))"),
    P("write at the root", "attempt(lambda: write('/x'), lambda: os.mkdir('/x'))"),
    P("write in /dev", "attempt(lambda: write('/dev/x'))"),
    P(
        "follow a link of its own out",
        "os.symlink(E['SECRET_FILE'], 'link'); attempt(lambda: read('link'))",
        plain=True,
    ),
    P(
        "follow a link to a folder out",
        "os.symlink(os.path.dirname(E['SECRET_FILE']), 'up'); attempt(lambda: os.listdir('up'))",
        plain=True,
    ),
    P(
        "go through the root of a process",
        "attempt(*[lambda p=p: read(f'/proc/{p}/root' + E['SECRET_FILE'])"
        " for p in ('self', 1, os.getppid())])",
        plain=True,
    ),
    P(
        "go through the working folder of a process",
        "attempt(lambda: read(f'/proc/1/cwd{E[\"SECRET_FILE\"]}'))",
    ),
    P("link a file of the host hard", "attempt(lambda: os.link(E['SECRET_FILE'], 'hard'))"),
    P("link a setuid program hard", "attempt(lambda: os.link('/usr/bin/su', 'su'))"),
    P(
        "make a device",
        "attempt(lambda: os.mknod('d', stat.S_IFBLK | 0o600, os.makedev(7, 0)),"
        " lambda: os.mknod('c', stat.S_IFCHR | 0o600, os.makedev(1, 1)))",
    ),
    P(
        "open a device",
        "attempt(*[lambda n=n: open('/dev/' + n) for n in ('mem', 'kmsg', 'vda', 'sda', 'nvme0n1',"
        " 'loop0', 'loop-control', 'fuse', 'net/tun', 'kvm', 'vsock', 'userfaultfd')])",
    ),
    P(
        "open a file by its handle",
        f"h = ctypes.create_string_buffer(b'\\x80' + bytes(200)); m = ctypes.c_int();"
        f"attempt(lambda: call({numbers('name_to_handle_at')}, -100, b'/usr', h, ctypes.byref(m),"
        f" 0), lambda: call({numbers('open_by_handle_at')}, 0, h, 0))",
    ),
    P("change its root", "os.mkdir('r'); attempt(lambda: os.chroot('r'))"),
    P(
        "unpack an archive that leads up",
        "import io, tarfile; b = io.BytesIO(); t = tarfile.open(fileobj=b, mode='w')\n"
        "for n in ('../evil', '/evil', '../../evil', 'link/evil'):\n"
        "    i = tarfile.TarInfo(n); i.size = 1; t.addfile(i, io.BytesIO(b'x'))\n"
        "t.close(); open('a.tar', 'wb').write(b.getvalue()); os.symlink('/', 'link')\n"
        "attempt(*[lambda n=n: subprocess.run(['tar', '-xPf', 'a.tar', n], check=True,"
        " stderr=subprocess.DEVNULL) and None for n in ('../evil', '/evil', '../../evil')],"
        " lambda: write('link/evil'))",
    ),
    P(
        "find an open file of the host",
        "attempt(lambda: [f for f in os.listdir('/proc/self/fd')"
        " if int(f) > 2 and os.path.exists(f'/proc/self/fd/{f}')] or False)",
    ),
    P(
        "leave a core dump",
        "p = os.fork()\nif p == 0: os.abort()\nos.wait()\n"
        "attempt(lambda: resource.setrlimit(resource.RLIMIT_CORE, (2**20, 2**20)),"
        " lambda: [f for f in os.listdir('.') if 'core' in f] or False)",
    ),
    P(
        "make a file larger than its disk",
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "attempt(lambda: os.truncate(os.open('f', os.O_RDWR | os.O_CREAT), 10**10))",
    ),
]

PROC = [
    P(
        "see other processes",
        "attempt(lambda: sum(n.isdigit() for n in os.listdir('/proc')) > 4)",
        plain=True,
    ),
    P(
        "read the environment of a host's process",
        "attempt(lambda: read(f'/proc/{E[\"HOST_PID\"]}/environ'))",
        plain=True,
    ),
    P(
        "find the worker's environment",
        "attempt(*[lambda n=n: b'WORKER_SECRET' in open(f'/proc/{n}/environ', 'rb').read()"
        " for n in os.listdir('/proc') if n.isdigit()])",
    ),
    P(
        "find what its sandbox was started with",
        "attempt(lambda: [n for n in os.listdir('/proc') if n.isdigit() and int(n) != os.getpid()"
        " and ('agen' + 'ts-').encode() in open(f'/proc/{n}/cmdline', 'rb').read()] or False)",
    ),
    P(
        "read the first process's memory",
        "def memory(mode):\n"
        "    where = int(next(l for l in open('/proc/1/maps') if ' rw-p ' in l).split('-')[0], 16)\n"
        "    with open('/proc/1/mem', mode, 0) as f: f.seek(where); return f.read(1)\n"
        "attempt(lambda: memory('rb'), lambda: memory('r+b'), lambda: read('/proc/1/environ'),"
        " lambda: os.readlink('/proc/1/exe'), lambda: read('/run/agenhood/sh'))",
    ),
    P("press the magic key", "attempt(lambda: write('/proc/sysrq-trigger'))"),
    P(
        "set the kernel",
        "attempt(*[lambda n=n: write('/proc/sys/kernel/' + n) for n in"
        " ('core_pattern', 'hostname', 'modprobe', 'shmmax', 'randomize_va_space')],"
        " lambda: write('/proc/sys/vm/drop_caches'), lambda: write('/proc/sys/user/max_user_namespaces'))",
    ),
    P(
        "read the kernel's memory",
        "attempt(lambda: read('/proc/kcore'), lambda: read('/dev/mem'),"
        " lambda: read('/proc/kmsg'))",
    ),
    P("see devices in /sys", "attempt(lambda: os.listdir('/sys') or False)", plain=True),
    P(
        "change its control group",
        "attempt(lambda: os.listdir('/sys/fs/cgroup'),"
        " lambda: os.path.isdir('/sys/fs/cgroup/memory'))",
        plain=True,
    ),
    P(
        "map more users",
        "attempt(lambda: os.write(os.open('/proc/self/uid_map', os.O_WRONLY), b'0 0 1'),"
        " lambda: os.write(os.open('/proc/self/setgroups', os.O_WRONLY), b'allow'))",
    ),
    P(
        "spare itself when memory is short",
        "attempt(lambda: os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000'))",
    ),
    P(
        "read where the kernel is",
        "attempt(lambda: any(int(l.split()[0], 16) for l in open('/proc/kallsyms')))",
    ),
]

SOCKETS = [
    P(
        "connect to PostgreSQL",
        "attempt(lambda: connect(socket.AF_UNIX, E['POSTGRES']))",
        plain=True,
    ),
    P(
        "connect to a socket of the host",
        "attempt(lambda: connect(socket.AF_UNIX, E['HOST_SOCKET']))",
        plain=True,
    ),
    P(
        "connect to an abstract socket of the host",
        "attempt(lambda: connect(socket.AF_UNIX, '\\0' + E['ABSTRACT']))",
        plain=True,
    ),
    P(
        "connect to an abstract socket of the neighbour",
        "attempt(lambda: connect(socket.AF_UNIX, '\\0neighbour'))",
    ),
    P(
        "connect to a daemon's socket",
        "attempt(*[lambda p=p: connect(socket.AF_UNIX, p) for p in ('/run/docker.sock',"
        " '/var/run/docker.sock', '/run/dbus/system_bus_socket', '/run/systemd/private')])",
    ),
    P(
        "connect to the host's loopback",
        "attempt(lambda: connect(socket.AF_INET, ('127.0.0.1', int(E['HOST_PORT']))))",
        plain=True,
    ),
    P(
        "connect to the host's address",
        "attempt(lambda: connect(socket.AF_INET, (E['HOST_ADDRESS'], int(E['HOST_PORT']))))",
        plain=True,
    ),
    P(
        "connect to the neighbour's port",
        "attempt(lambda: connect(socket.AF_INET, ('127.0.0.1', 4321)))",
    ),
    P(
        "ask for the cloud's metadata",
        "attempt(*[lambda a=a: connect(socket.AF_INET, (a, 80)) for a in ('169.254.169.254',"
        " '169.254.170.2', '100.100.100.200', '192.0.0.192')])",
    ),
    P(
        "ask for the cloud's metadata over IPv6",
        "attempt(lambda: connect(socket.AF_INET6, ('fd00:ec2::254', 80)))",
    ),
    P(
        "connect to the Internet",
        "attempt(lambda: connect(socket.AF_INET, ('1.1.1.1', 443)),"
        " lambda: connect(socket.AF_INET6, ('2606:4700:4700::1111', 443)))",
    ),
    P(
        "send a datagram",
        "attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x',"
        " ('8.8.8.8', 53)), lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x',"
        " (E['HOST_ADDRESS'], 53)) if E['HOST_ADDRESS'] != '127.0.0.1' else False)",
    ),
    P("resolve a name", "attempt(lambda: socket.getaddrinfo('example.com', 80))"),
    P(
        "find an interface",
        "attempt(lambda: [n for _, n in socket.if_nameindex() if n != 'lo'] or"
        " False, lambda: len(open('/proc/net/dev').readlines()) > 3)",
    ),
    P(
        "talk to the kernel over netlink",
        "attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))",
        plain=True,
    ),
    P(
        "open a packet socket",
        "attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),"
        " lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM))",
    ),
    P(
        "open a raw socket",
        "attempt(*[lambda f=f, t=t, p=p: socket.socket(f, t, p) for f, p in ((1, 0), (2, 1), (10, 58))"
        " for t in (3, 4, 6, 10)], lambda: socket.socketpair(1, 3))",
    ),
    P("open a socket to the machine below", "attempt(lambda: socket.socket(40, 1))"),
    P("use the kernel's ciphers", "attempt(lambda: socket.socket(38, 5))"),
    P(
        "have the kernel load a protocol",
        "attempt(*[lambda p=p: socket.socket(socket.AF_INET, t, p) for t, p in ((1, 132), (5, 132),"
        " (6, 33), (1, 262), (2, 136), (2, 115))])",
    ),
    P(
        "open any other kind of socket",
        "attempt(*[lambda f=f, t=t: socket.socket(f, t) for f in range(46) if f not in (1, 2, 10)"
        " for t in (1, 2, 3, 5)], *[lambda f=f: socket.socketpair(f) for f in (16, 40, 43)])",
    ),
]
NEW = {
    "mount": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
KERNEL = [
    P(
        "leave its namespaces",
        f"attempt(*[lambda f=f: call({numbers('unshare')}, f) for f in"
        f" {list(NEW.values())}], lambda: subprocess.run(['unshare', '-Ur', 'true'], check=True))",
    ),
    P(
        "make a child in a new namespace",
        f"attempt(*[lambda f=f: call((56, 220), f | 17, 0, 0, 0, 0) for f in"
        f" {[0x10000000 | flag for flag in NEW.values()]}])",
    ),
    P(
        "make one with the newer call",
        "a = (ctypes.c_uint64 * 11)(); a[0] = 0x10000000; a[4] = 17\n"
        "def way():\n    p = call((435, 435), a, 88)\n    os._exit(0) if p == 0 else None\n"
        "attempt(way)",
    ),
    P(
        "enter a namespace of others",
        f"attempt(*[lambda p=p, n=n: call({numbers('setns')}, os.open(f'/proc/{{p}}/ns/{{n}}', 0), 0)"
        " for p in (1, 'self', E['HOST_PID']) for n in ('net', 'mnt', 'user', 'pid')])",
    ),
    P(
        "mount a file system",
        "attempt(*[lambda f=f: call((165, 40), b'none', b'/tmp', f, 0, None) for f in"
        " (b'tmpfs', b'proc', b'sysfs', b'overlay', b'fuse')])",
    ),
    P(
        "mount a folder elsewhere",
        "attempt(lambda: call((165, 40), b'/usr', b'/tmp', None, 4096, None))",
    ),
    P(
        "mount its files writable",
        "attempt(lambda: call((165, 40), None, b'/usr', None, 32 | 4096, None),"
        " lambda: call((165, 40), None, b'/', None, 32, None))",
    ),
    P(
        "unmount what covers the host",
        "attempt(*[lambda p=p: call((166, 39), p, 2) for p in (b'/usr', b'/proc', b'/dev', b'/')])",
    ),
    P(
        "mount with the newer calls",
        f"attempt(lambda: call({numbers('fsopen')}, b'tmpfs', 0),"
        f" lambda: call({numbers('open_tree')}, -100, b'/', 1),"
        f" lambda: call({numbers('mount_setattr')}, -100, b'/', 0, 0, 0),"
        f" lambda: call({numbers('move_mount')}, 0, b'', -100, b'/tmp', 4))",
    ),
    P(
        "turn its root round",
        f"attempt(lambda: call({numbers('pivot_root')}, b'/workspace', b'/tmp'))",
    ),
    P(
        "become root",
        "attempt(lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0),"
        " lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.getuid() == 0)",
    ),
    P(
        "become root by a setuid program",
        "attempt(*[lambda c=c: b'uid=0' in subprocess.run(c, input=b'', stdout=subprocess.PIPE,"
        " stderr=subprocess.DEVNULL).stdout for c in (['su', '-c', 'id'], ['sudo', '-n', 'id'],"
        " ['pkexec', 'id'])])",
    ),
    P(
        "become root by a setuid program of its own",
        "import shutil; shutil.copy('/usr/bin/id', 'id'); os.chmod('id', 0o6755)\n"
        "attempt(lambda: b'euid' in subprocess.run(['./id'], stdout=subprocess.PIPE).stdout)",
    ),
    P(
        "have any right",
        "s = open('/proc/self/status').read()\n"
        "attempt(lambda: any(int(l.split()[1], 16) for l in s.splitlines() if l[:6] in"
        " ('CapEff', 'CapPrm', 'CapInh', 'CapBnd', 'CapAmb')), lambda: 'NoNewPrivs:\\t1' not in s,"
        " lambda: 'Seccomp:\\t2' not in s)",
    ),
    P(
        "trace a process",
        f"attempt(lambda: call({numbers('ptrace')}, 0, 0, 0, 0))",
        plain=True,
    ),
    P(
        "read another process's memory",
        "b = ctypes.create_string_buffer(8); v = (ctypes.c_ulong * 2)(ctypes.addressof(b), 8)\n"
        f"attempt(lambda: call({numbers('process_vm_readv')}, os.getpid(), v, 1, v, 1, 0),"
        f" lambda: call({numbers('process_vm_writev')}, os.getpid(), v, 1, v, 1, 0))",
        plain=True,
    ),
    P(
        "take another process's open file",
        f"p = os.pidfd_open(os.getpid()); attempt(lambda: call({numbers('pidfd_getfd')}, p, 0, 0))",
        plain=True,
    ),
    P(
        "use the kernel's key rings",
        f"attempt(lambda: call({numbers('add_key')}, b'user', b'k', b'v', 1, -3),"
        f" lambda: call({numbers('keyctl')}, 0, -3, 0), lambda: call({numbers('keyctl')}, 1, 0),"
        f" lambda: call({numbers('request_key')}, b'user', b'k', 0, 0))",
    ),
    P(
        "use io_uring",
        "a = ctypes.create_string_buffer(200)\n"
        f"attempt(lambda: call({numbers('io_uring_setup')}, 4, a))",
        plain=True,
    ),
    P(
        "load a program into the kernel",
        "a = ctypes.create_string_buffer(128)\n"
        f"attempt(lambda: call({numbers('bpf')}, 5, a, 128), lambda: call({numbers('bpf')}, 0, a, 128))",
    ),
    P(
        "watch the processor",
        "a = ctypes.create_string_buffer(128); a[4] = 128\n"
        f"attempt(lambda: call({numbers('perf_event_open')}, a, 0, -1, -1, 0))",
    ),
    P("handle page faults", f"attempt(lambda: call({numbers('userfaultfd')}, 1))", plain=True),
    P(
        "set the clock",
        "attempt(lambda: time.clock_settime(0, time.time()),"
        " lambda: libc.stime(0) == 0 if hasattr(libc, 'stime') else False)",
    ),
    P(
        "rename the host",
        f"attempt(lambda: socket.sethostname('x'),"
        f" lambda: call({numbers('setdomainname')}, b'x', 1))",
    ),
    P(
        "turn its protections off",
        f"attempt(lambda: call({numbers('personality')}, 0x0040000))",
        plain=True,
    ),
    P(
        "type into a terminal",
        "import fcntl\nm, s = os.openpty()\n"
        "attempt(lambda: fcntl.ioctl(s, 0x5412, b'x'), lambda: fcntl.ioctl(s, 0x541C, b'\\x03'))",
    ),
    P(
        "type into a terminal with a longer number",
        "m, s = os.openpty()\nattempt(lambda: call((16, 29), s, 0x5412 | 1 << 32, b'x'))",
    ),
    P(
        "call in another machine's numbers",
        "import mmap\nm = mmap.mmap(-1, 4096, prot=7)\n"
        "m.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3' if COLUMN == 0 else bytes(8))\n"
        "f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\n"
        "f() if COLUMN == 0 else os.kill(os.getpid(), 31); print('OPEN')",
        exit_code=159,
    ),
    P(
        "call in x32 numbers",
        "libc.syscall(ctypes.c_long(0x40000000 + 39)) if COLUMN == 0 else os.kill(os.getpid(), 31)\n"
        "print('OPEN')",
        exit_code=159,
    ),
    P(
        "make calls of tomorrow",
        "attempt(*[lambda n=n: call((n, n), 0, 0, 0) for n in"
        f" range({seccomp.NEWEST_KNOWN + 1}, 600)])",
    ),
    P(
        "go before others",
        "attempt(lambda: os.setpriority(0, 0, -20),"
        " lambda: os.sched_setscheduler(0, 1, os.sched_param(50)), lambda: os.nice(-1))",
    ),
    P(
        "read the kernel's log",
        f"b = ctypes.create_string_buffer(99)\n"
        f"attempt(lambda: call({numbers('syslog')}, 3, b, 99))",
    ),
    P(
        "raise its limits",
        "attempt(*[lambda r=r: resource.setrlimit(r, (resource.getrlimit(r)[1] + 1,)"
        " * 2) for r in (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)])",
    ),
    P(
        "find shared memory of the host",
        "attempt(lambda: libc.shmget(int(E['SHM_KEY']), 0, 0) >= 0,"
        " lambda: os.path.exists('/dev/shm/' + E['SHM_NAME']))",
        plain=True,
    ),
    P(
        "make any call that is refused",
        "import errno\n"
        f"REFUSED, ABSENT = {REFUSED!r}, {ABSENT!r}\n"
        "for name, n in [*REFUSED.items(), *ABSENT.items()]:\n"
        "    if n[COLUMN] is None: continue\n"
        "    r = libc.syscall(ctypes.c_long(n[COLUMN]), *[ctypes.c_long(-1)] * 6)\n"
        "    e = errno.EPERM if name in REFUSED else errno.ENOSYS\n"
        "    if r != -1 or ctypes.get_errno() != e: print('OPEN', name)\n"
        "print('BLOCKED')",
    ),
]
SIGNALS = [
    P("kill a process of the host", "attempt(lambda: os.kill(int(E['HOST_PID']), 9))"),
    P("kill the neighbour's process", "attempt(lambda: os.kill(int(E['NEIGHBOUR_PID']), 9))"),
    P("kill all there are", "attempt(lambda: os.kill(-1, 9))"),
    P("kill the first process", "os.kill(1, 9); time.sleep(.05); print('BLOCKED')"),
    P("stop itself", "os.kill(0, signal.SIGSTOP); print('OPEN')", killed="time", wall_seconds=0.3),
    P("wait for ever", "time.sleep(100)", killed="time", wall_seconds=0.3),
    P("count for ever", "while True: pass", killed="time", wall_seconds=0.3),
    P(
        "wait for ever, deaf to signals",
        "[signal.signal(s, signal.SIG_IGN) for s in range(1, 32) if s not in (9, 19)]\n"
        "time.sleep(100)",
        killed="time",
        wall_seconds=0.3,
    ),
]
BOMBS = [
    P(
        "fork without end",
        "n = 0\ntry:\n    while n < 500:\n        if os.fork() == 0: time.sleep(9)\n"
        "        n += 1\nexcept OSError as e:\n    print(e)\nprint('OPEN' if n > 40 else 'BLOCKED')",
    ),
    P(
        "fork in a shell without end",
        "subprocess.Popen(['sh', '-c', 'f() { f | f & }; f'], stderr=subprocess.DEVNULL)\n"
        "time.sleep(0.2)\nprint('BLOCKED')",
    ),
    P(
        "start threads without end",
        "n = 0\ntry:\n    while n < 500:\n        threading.Thread(target=time.sleep, args=(9,),"
        " daemon=True).start(); n += 1\nexcept RuntimeError as e:\n    print(e)\n"
        "print('OPEN' if n > 40 else 'BLOCKED', flush=True); os._exit(0)",
    ),
    P(
        "take memory in one process",
        "x = []\nwhile True: x.append(bytearray(2**20))",
        killed="memory",
    ),
    P(
        "take memory in many processes",
        "for _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(b'x') * (40 * 2**20)\n"
        "        time.sleep(.5)\nfor _ in range(8): os.wait()\nprint('done')",
        killed="memory",
    ),
    P("fill /tmp", "attempt(lambda: open('/tmp/x', 'wb').write(bytes(70 * 2**20)))"),
    P("fill shared memory", "attempt(lambda: open('/dev/shm/x', 'wb').write(bytes(70 * 2**20)))"),
    P(
        "open files without end",
        "n = 0\ntry:\n    while n < 5000: os.dup(0); n += 1\n"
        "except OSError as e: print(e)\nprint('OPEN' if n > 4000 else 'BLOCKED')",
    ),
    P("write without end", "while True: print('x' * 10000)", killed="output"),
    P(
        "write errors without end",
        "while True: print('x' * 10000, file=sys.stderr)",
        killed="output",
    ),
]
# Where a file system holds the limit they fail; elsewhere they are killed for it.
DISK = [
    P(
        "fill the disk",
        "n = 0\nwhile n < 100:\n    with open(f'f{n}', 'wb') as f: f.write(bytes(2**20))\n"
        "    n += 1\n    time.sleep(.02)\nprint('OPEN')",
    ),
    P(
        "fill the disk with files that have no name",
        "n = 0\nx = []\nwhile n < 100:\n    f = open('f', 'wb'); f.write(bytes(2**20)); f.flush()\n"
        "    os.unlink('f')\n    x.append(f)\n    n += 1\n    time.sleep(.02)\nprint('OPEN')",
    ),
    P(
        "fill the disk with empty files",
        "for n in range(20_000): open(f'f{n}', 'w').close()\ntime.sleep(1)\nprint('OPEN')",
    ),
    P(
        "make folders without end",
        "for n in range(6000): os.mkdir('d' * 200); os.chdir('d' * 200)\ntime.sleep(1)\nprint('OPEN')",
    ),
]
OUTLIVE = [
    P(
        "leave a daemon behind",
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(100)\n"
        "    os._exit(0)\nprint('BLOCKED')",
    ),
    P(
        "leave a daemon behind that is deaf and holds no stream",
        "if os.fork() == 0:\n    os.setsid()\n"
        "    [signal.signal(s, signal.SIG_IGN) for s in range(1, 32) if s not in (9, 19)]\n"
        "    [os.close(f) for f in (0, 1, 2)]\n    time.sleep(100)\nprint('BLOCKED')",
    ),
    P(
        "leave a daemon behind that holds the streams",
        "subprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP; sleep 100'])\nprint('BLOCKED')",
    ),
    P(
        "leave a daemon behind that writes",
        "subprocess.Popen(['sh', '-c', 'while :; do date > alive; done'])\nprint('BLOCKED')",
    ),
    P(
        "leave many behind",
        "for _ in range(15):\n    if os.fork() == 0:\n        os.setsid();"
        " time.sleep(100)\nprint('BLOCKED')",
    ),
]
PROGRAMS = [*FILES, *PROC, *SOCKETS, *KERNEL, *SIGNALS, *BOMBS, *OUTLIVE]
