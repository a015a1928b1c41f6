import gc
import threading

import pytest

from tools.collector import MANY, kept_still


def test_the_collector_is_still_while_many_values_are_made_and_goes_on():
    with kept_still(MANY):
        assert not gc.isenabled()
    assert gc.isenabled()


def test_for_few_values_it_goes_on():
    with kept_still(MANY - 1):
        assert gc.isenabled()


def test_after_a_fault_it_goes_on():
    with pytest.raises(ZeroDivisionError), kept_still(MANY):
        raise ZeroDivisionError
    assert gc.isenabled()


def test_of_two_threads_the_last_one_lets_it_go_on():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with kept_still(MANY):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with kept_still(MANY):
        thread.start()
        assert inside.wait(10)
    assert not gc.isenabled()
    leave.set()
    thread.join(10)
    assert gc.isenabled()


def test_what_was_off_before_stays_off():
    gc.disable()
    try:
        with kept_still(MANY):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
