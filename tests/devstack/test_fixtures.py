from devstack.stack import Devstack
from store.schema import check_database


async def test_a_tests_database_has_the_newest_schema(database_url: str) -> None:
    await check_database(database_url)


async def test_a_tests_database_is_a_copy_of_its_own(
    stack: Devstack, template_database: str, database_url: str
) -> None:
    assert database_url not in {stack.postgres.url(template_database), stack.postgres.url()}
