"""Running other programs."""

import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hack.kindcluster.machine.errors import ClusterError, CommandFailed, TookTooLong

Environment = Mapping[str, str] | None


def run(
    *command: str | Path,
    env: Environment = None,
    cwd: Path | None = None,
    text_input: str = "",
    timeout_seconds: float | None = None,
) -> str:
    """Run to the end and return stdout; raise CommandFailed, with what it printed, on a non-zero status."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, env=env, cwd=cwd, input=text_input, capture_output=True, text=True, timeout=timeout_seconds
        )
    except FileNotFoundError:
        raise ClusterError(f"{words[0]} is not installed, or not on PATH") from None
    except subprocess.TimeoutExpired:
        raise TookTooLong(f"`{' '.join(words)}` took longer than {timeout_seconds:.0f} s") from None
    if done.returncode:
        raise CommandFailed(words, done.returncode, done.stdout + done.stderr)
    return done.stdout


def succeeds(*command: str | Path, env: Environment = None, timeout_seconds: float | None = 60) -> bool:
    """Whether a command ends with status 0."""
    try:
        run(*command, env=env, timeout_seconds=timeout_seconds)
    except ClusterError:
        return False
    return True


def run_logged(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Environment = None,
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> None:
    """Run a long command, its output going to a log file and line by line to `on_line`."""
    words = [str(word) for word in command]
    log.parent.mkdir(parents=True, exist_ok=True)
    tail: deque[str] = deque(maxlen=60)
    with (
        log.open("a") as log_file,
        subprocess.Popen(
            [*_ends_with_this_process(), *words],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        print(f"$ {' '.join(words)}", file=log_file, flush=True)
        assert process.stdout
        for line in process.stdout:
            log_file.write(line)
            tail.append(line)
            if on_line:
                on_line(line)
    if process.returncode:
        raise CommandFailed(words, process.returncode, "".join(tail) + f"(all of it: {log})")


def _ends_with_this_process() -> tuple[str, ...]:
    """A prefix, where the system has one: an orphan would go on writing where the next run builds."""
    return ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
