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


def test_set_grad_enabled_as_a_statement():
    lucid.set_grad_enabled(False)
    try:
        assert not lucid.is_grad_enabled()
    finally:
        lucid.set_grad_enabled(True)
    assert lucid.is_grad_enabled()


def test_set_grad_enabled_decorates_without_switching():
    @lucid.set_grad_enabled(False)
    def off():
        return lucid.is_grad_enabled()

    assert lucid.is_grad_enabled()
    assert [off(), off()] == [False, False]
    assert lucid.is_grad_enabled()


@pytest.mark.parametrize("mode", [lucid.no_grad, lucid.inference_mode])
def test_decorators_without_parentheses(mode):
    @mode
    def off(a, b=2):
        return lucid.is_grad_enabled(), a, b

    assert off(1, b=3) == (False, 1, 3)


def test_a_decorated_generator_runs_in_the_mode_and_its_caller_does_not():
    seen = []

    @lucid.no_grad()
    def numbers():
        try:
            for i in range(3):
                seen.append(lucid.is_grad_enabled())
                try:
                    seen.append((yield i))
                except KeyError:
                    seen.append("caught")
        finally:
            seen.append(lucid.is_grad_enabled())
        return "end"

    generator = numbers()
    assert next(generator) == 0
    assert lucid.is_grad_enabled()
    assert generator.send("sent") == 1
    assert generator.throw(KeyError()) == 2
    with pytest.raises(StopIteration, match="end"):
        next(generator)
    assert seen == [False, "sent", False, "caught", False, None, False]
    assert lucid.is_grad_enabled()
    seen.clear()
    stopped = numbers()
    next(stopped)
    stopped.close()
    assert seen == [False, False]
    assert lucid.is_grad_enabled()


def test_inference_mode():
    x = lucid.ones(2, requires_grad=True)
    with lucid.inference_mode():
        assert lucid.is_inference_mode_enabled()
        y = x * 2
        with lucid.inference_mode(False):
            assert (x * 2).requires_grad
            assert not lucid.is_inference_mode_enabled()
    assert not lucid.is_inference_mode_enabled()
    assert not y.requires_grad
    assert (x * y).requires_grad
