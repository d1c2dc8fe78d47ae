# SPDX-License-Identifier: PostgreSQL
"""A hard deadline for one test.

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(item):
        with time_limit(item.name, 60):
            yield
"""
import contextlib
import signal


@contextlib.contextmanager
def time_limit(name, seconds):
    def expired(*_):
        raise TimeoutError(f"{name} did not end within {seconds} s")
    previous = signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
