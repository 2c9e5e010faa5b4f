"""The watch that every browser test stands under bites; else a broken page would pass unseen."""

import pytest

from tests.browser.conftest import Watch


@pytest.fixture
def context(chromium, address):
    with chromium.new_context(base_url=address) as opened:
        yield opened


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("document.body.insertAdjacentHTML('beforeend', '<p onclick=\"1\">')", "script-src-attr"),
        ("document.body.append(document.createElement('style'))", "style-src-elem"),
        ("document.body.setAttribute('style', 'color: red')", "style-src-attr"),
        ("fetch('https://example.org/').catch(() => null)", "connect-src"),
        ("console.error('oh')", "error: oh"),
        ("setTimeout(() => { throw Error('thrown') })", "thrown"),
        ("fetch('/nothing/here/')", "status of 404"),
    ],
)
def test_a_broken_page_is_seen(context, script, problem):
    watch = Watch(context, ())
    page = context.new_page()
    page.goto("/offline/")
    assert watch.problems == []

    page.evaluate(script)

    for _ in range(200):  # reports come in a moment later
        if any(problem in seen for seen in watch.problems):
            break
        page.evaluate("new Promise((done) => setTimeout(done, 10))")
    else:
        pytest.fail(f"not seen: {watch.problems}")


def test_a_refusal_that_a_test_provokes_is_let_by(context):
    watch = Watch(context, (404,))
    page = context.new_page()
    page.goto("/nothing/here/")

    assert any("404" in line for line in watch.log)
    assert watch.problems == []
