from fastapi.routing import APIRoute

from tests.api.test_errors import problem

FREE = {"service", "label studio"}  # probes add what they like to theirs, and Label Studio's addresses hold no query
OF_THE_FIRST_VERSION = {"/f1", "/active_learning"}


def routes(client):
    return [
        (route, method)
        for route in client.app.routes
        if isinstance(route, APIRoute) and route.include_in_schema and not FREE & set(route.tags)
        for method in sorted(route.methods - {"HEAD"})
    ]


def names_of(client, route, method):
    """The arguments that the documentation has, and those that may stand several times."""
    described = client.get("/openapi.json").json()["paths"][route.path][method.lower()].get("parameters", [])
    given = [one for one in described if one["in"] == "query"]
    return [one["name"] for one in given], [one["name"] for one in given if "array" in str(one["schema"])]


def refused(client, route, method, query):
    path = route.path.replace("{job_id}", "job_01890a5d-ac96-774b-bcce-b302099a8057")
    answer = client.request(method, f"{path}?{query}", json={} if method in ("POST", "PUT") else None)
    return {(one["pointer"], one["detail"]) for one in answer.json().get("errors", [])}


def test_no_call_takes_an_argument_twice_that_is_no_list(client):
    for route, method in routes(client):
        names, lists = names_of(client, route, method)
        for name in names:
            twice = (f"?{name}", "it is given more than once; give it once")
            told = refused(client, route, method, f"{name}=1&{name}=1")
            assert (twice in told) == (name not in lists), (route.path, name)


def test_no_call_takes_an_argument_that_it_does_not_know_but_the_first_versions(client):
    for route, method in routes(client):
        if route.path not in OF_THE_FIRST_VERSION:  # whose scripts run on
            told = dict(refused(client, route, method, "nonsense=1"))
            assert told["?nonsense"].startswith("there is no such field; this call takes "), route.path


def test_all_that_is_wrong_with_a_query_is_told_at_once(client):
    answer = client.get("/jobs?limit=1&limit=2&knid=f1&kind=f1&kind=audit")
    assert answer.status_code == 422
    assert [one["pointer"] for one in problem(answer)["errors"]] == ["?knid", "?kind", "?limit"]


def test_names_may_be_asked_for_one_by_one(client, data):
    answer = client.get(f"/labels?path_to_labels={data.selection['path_to_labels']}&of=a.png&of=b.png")
    assert answer.status_code == 200
