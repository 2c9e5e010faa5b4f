"""The page of the operations, in words."""

from django.urls import reverse

from agenhood.api import views
from tests.factories import UserFactory
from tests.pages import page


def test_a_list_is_named_in_words_and_links_to_its_schema(client, db):
    client.force_login(UserFactory())

    text = client.get(reverse("api-docs")).content.decode()

    assert '<a href="#schema-Listed_ProjectOut_"><code>page of ProjectOut</code></a>' in text
    assert 'id="schema-Listed_ProjectOut_"' in text
    assert "`" not in page(client.get(reverse("api-docs"))).one("main").text


def test_what_stands_between_backticks_is_code():
    assert views._pieces("Send `limit`\nor none") == [
        ("Send ", False),
        ("limit", True),
        (" or none", False),
    ]
