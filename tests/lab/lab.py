"""A running guest, for tests: commands and background processes in it, under the control of the host.

    with Guest(cache, folder) as guest:
        print(guest.run("uname -r").out)
        with guest.start("/run/lab/server --port 80") as server:
            guest.run("curl localhost")

`folder` on the host is /run/lab in the guest; what a process prints is in it at once. Nothing is timed: emulation is
slow, and stalls for seconds when the host is busy. All waiting is for an event, with a generous watchdog.
"""
import signal
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
WATCHDOG = 60


class Skipped(Exception):
    """The test can't run here; the reason."""


class Failure(AssertionError):
    """The guest or a program in it didn't do what the test waits for."""


def make_guest(cache):
    """Builds the guest if need be; raises Skipped where that is impossible."""
    result = subprocess.run([HERE / "build-guest", cache], stderr=subprocess.PIPE, text=True)
    if result.returncode == 77:
        raise Skipped(result.stderr.strip().removeprefix("lab: skipped: "))
    print(result.stderr, end="", flush=True)
    result.check_returncode()


def wait_until(condition, what, seconds=WATCHDOG):
    """Waits for condition() to be true, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s in vain for {what() if callable(what) else what}")
        time.sleep(0.05)
    return value


class Result:
    def __init__(self, command, status, out, err):
        self.command, self.status, self.out, self.err = command, status, out, err

    def __str__(self):
        return f"`{self.command}`: status {self.status}\n  stdout: {self.out[:2000]!r}\n  stderr: {self.err[:2000]!r}"


class Guest:
    def __init__(self, cache, folder, timeout=600):
        self.folder = Path(folder)
        self.requests = 0
        self.processes = 0
        self.lost = None  # why no request can be answered any more
        self.path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        (self.folder / "agent").write_bytes((HERE / "guest/agent").read_bytes())
        self.machine = subprocess.Popen(
            [HERE / "run-guest", "--share", self.folder, "--timeout", str(timeout), cache, "python3 ./agent"])

    def __enter__(self):
        self.run("true")  # the boot ends here
        return self

    def __exit__(self, *_):
        (self.folder / "end").touch()  # the agent ends, and with it the guest
        try:
            self.machine.wait(1 if self.lost else WATCHDOG)
        except subprocess.TimeoutExpired:
            self.machine.send_signal(signal.SIGTERM)
            self.machine.wait()

    def run(self, command, seconds=WATCHDOG):
        """Runs a command line of bash to its end."""
        if self.lost:
            raise Failure(self.lost)
        self.requests += 1
        base = self.folder / f"{self.requests:03}"
        script = f"export PATH={self.path}\n{command}\n"
        base.with_suffix(".part").write_text(script)
        base.with_suffix(".part").rename(base.with_suffix(".request"))
        status = base.with_suffix(".status")

        def done():
            gone = self.machine.poll() is not None or (self.folder / "status").exists()
            if gone and not status.exists():
                raise Failure(f"went away before or during `{command}`")
            return status.exists()

        try:
            wait_until(done, f"`{command}`", seconds)
        except Failure as error:
            self.lost = f"no guest: it was lost when it {error}"
            raise
        return Result(command, int(status.read_text()), *(base.with_suffix(s).read_text(errors="replace")
                                                          for s in (".out", ".err")))

    def start(self, command):
        """Starts a simple command (no pipes) in the background; use the result in a `with`."""
        self.processes += 1
        return Process(self, command, f"process{self.processes}")


class Process:
    """A background process of the guest. stdout and stderr grow in the shared folder."""

    def __init__(self, guest, command, name):
        self.guest, self.command = guest, command
        self.stdout, self.stderr, self.status_file = (guest.folder / f"{name}.{e}" for e in ("out", "err", "status"))
        started = guest.run(f"""(
            {command} > {name}.out 2> {name}.err < /dev/null &
            echo $! > {name}.pid
            wait $!
            echo $? > {name}.part
            mv {name}.part {name}.status
        ) > /dev/null 2>&1 &
        until [ -s {name}.pid ]; do sleep 0.05; done; cat {name}.pid""")
        self.pid = int(started.out)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running():
            self.kill("TERM")
        try:
            self.wait(15)
        except Failure:
            self.kill("KILL")
            self.wait()

    @property
    def status(self):
        """The exit status (128 + n after signal n), None while it runs."""
        return int(self.status_file.read_text()) if self.status_file.exists() else None

    @property
    def err(self):
        return self.stderr.read_text(errors="replace")

    def running(self):
        return self.status is None

    def kill(self, name):
        self.guest.run(f"kill -{name} {self.pid}")

    def wait(self, seconds=WATCHDOG):
        wait_until(lambda: not self.running(), lambda: f"the end of {self}", seconds)
        return self.status

    def __str__(self):
        return f"`{self.command}`: status {self.status}\n  stderr: {self.err[:2000]!r}"
