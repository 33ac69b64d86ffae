"""no_grad, enable_grad, set_grad_enabled."""

import asyncio

import pytest

import lucid


def test_as_context_managers_that_nest():
    assert lucid.is_grad_enabled()
    with lucid.no_grad():
        assert not lucid.is_grad_enabled()
        with lucid.enable_grad():
            assert lucid.is_grad_enabled()
        with lucid.set_grad_enabled(False):
            assert not lucid.is_grad_enabled()
        assert not lucid.is_grad_enabled()
    assert lucid.is_grad_enabled()


def test_one_object_may_be_entered_twice():
    off = lucid.no_grad()
    with off, off:
        assert not lucid.is_grad_enabled()
    assert lucid.is_grad_enabled()


def test_as_decorators():
    @lucid.no_grad()
    def off():
        return lucid.is_grad_enabled()

    assert off() is False
    assert off.__name__ == "off"
    assert lucid.is_grad_enabled()


def test_an_exception_restores_the_mode():
    with pytest.raises(KeyError), lucid.no_grad():
        raise KeyError
    assert lucid.is_grad_enabled()


def test_asyncio_tasks_have_their_own_mode():
    async def off():
        with lucid.no_grad():
            await asyncio.sleep(0.01)

    async def both():
        task = asyncio.create_task(off())
        await asyncio.sleep(0.005)
        enabled = lucid.is_grad_enabled()
        await task
        return enabled

    assert asyncio.run(both())
