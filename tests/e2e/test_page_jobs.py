"""The list of jobs."""

import pytest

from tests.e2e.visitor import NARROW, give_some

pytestmark = pytest.mark.e2e


def test_what_a_job_says_in_one_long_word_stays_on_a_phone(visit, project, labels):
    give_some(labels, *(f"{colour}_{i}.png" for colour in ("red", "green", "blue") for i in range(4)))
    visitor = visit(NARROW)
    page = visitor.open("#/label", project)
    page.get_by_role("option").first.wait_for(timeout=60_000)

    def fail(route):
        answer = route.fetch()
        jobs = answer.json()
        jobs["data"][0] |= {"state": "failed", "error": {"code": "path_not_found", "detail": "/" + "folder" * 30}}
        route.fulfill(response=answer, json=jobs)

    page.route("**/jobs?*", fail)
    page.get_by_role("link", name="Jobs").first.click()
    page.get_by_text("folderfolder").wait_for()
    visitor.shot("jobs-long")
