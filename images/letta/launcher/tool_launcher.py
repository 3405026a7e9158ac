"""Runs one tool of an agent as a user without access to anything, and removes what it leaves.

The server starts one per run, with the job as JSON on standard input:
{"user": number, "umask": number, "python": path, "code": text, "environment": {...}}. It is a separate small program because
a fork of the server would inherit what the server has open. Exits with the tool's exit code; SIGTERM ends the tool.
"""

import ctypes
import json
import os
import resource
import shutil
import signal
import sys
import tempfile

FOLDERS = "/run/letta-tools"
MIB = 1024 * 1024
# Address space, not memory: Letta's modules, which a tool may import, reserve more than they use.
LIMITS = {
    resource.RLIMIT_AS: 4096 * MIB,
    resource.RLIMIT_NPROC: 128,
    resource.RLIMIT_FSIZE: 64 * MIB,
    resource.RLIMIT_NOFILE: 512,
    resource.RLIMIT_CPU: 600,
    resource.RLIMIT_CORE: 0,
}
PATIENCE = 50
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38


def prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def run_tool(job: dict, folder: str) -> None:
    """Replaces this process with the tool; never returns."""
    os.setsid()
    os.nice(10)
    # When memory is short, the kernel kills a tool first.
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    for limit, value in LIMITS.items():
        resource.setrlimit(limit, (value, value))
    become(job["user"])
    os.umask(job["umask"])
    os.chdir(folder)
    script = os.path.join(folder, "tool.py")
    with open(os.open(script, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(job["code"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    places = {"HOME": folder, "TMPDIR": folder}
    os.execve(job["python"], [job["python"], script], {**job["environment"], **places})


def children() -> list[int]:
    """Child processes, including adopted ones."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                # The name, in brackets, may contain anything.
                parent = file.read().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == os.getpid():
            found.append(int(entry))
    return found


def end_all(user: int) -> None:
    """Kills all descendants of the tool: orphans become children of this process."""
    rounds = 0
    while pids := children():
        rounds += 1
        # It forks faster than it is found: kill all processes of the user, other runs of its organization included.
        if rounds % PATIENCE == 0:
            os.waitpid(in_child(lambda: end_user(user)), 0)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)


def end_user(user: int) -> None:
    become(user)
    os.kill(-1, signal.SIGKILL)


def in_child(work) -> int:
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        work()
        os._exit(0)
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(70)


def remove(user: int, folder: str) -> None:
    """Empties the folder as the tool's user: root without DAC capabilities cannot read it."""

    def empty() -> None:
        become(user)
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)

    os.waitpid(in_child(empty), 0)
    os.rmdir(folder)


def main() -> int:
    # Delivered once there is a tool to end.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    job = json.load(sys.stdin)
    folder = tempfile.mkdtemp(dir=FOLDERS)
    os.chown(folder, job["user"], job["user"])
    tool = in_child(lambda: run_tool(job, folder))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(tool, signal.SIGKILL))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    # Its pid cannot be reused before it is reaped.
    os.waitid(os.P_PID, tool, os.WEXITED | os.WNOWAIT)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _, status = os.waitpid(tool, 0)
    if os.WIFSIGNALED(status):
        os.write(2, f"ToolEndedError: {signal.strsignal(os.WTERMSIG(status))}, for example because it exceeded its memory or CPU time\n".encode())
    end_all(job["user"])
    remove(job["user"], folder)
    return os.waitstatus_to_exitcode(status) % 256


sys.exit(main())
