import pytest

from tests.api.test_errors import problem

FREE = {"service", "label studio", "first version"}  # what others add to their calls is theirs
JOB = "job_01890a5d-ac96-774b-bcce-b302099a8057"


def queries(client):
    """(path, method, names of its arguments, those that may stand several times) of each call that is ours."""
    calls = [
        (path, method, call)
        for path, verbs in client.get("/openapi.json").json()["paths"].items()
        for method, call in verbs.items()
        if not FREE & set(call["tags"])
    ]
    assert {"/jobs", "/jobs/{job_id}/result", "/labels", "/pool", "/images", "/export"} <= {path for path, *_ in calls}
    for path, method, call in calls:
        given = [one for one in call.get("parameters", []) if one["in"] == "query"]
        lists = [one["name"] for one in given if "array" in str(one["schema"])]
        yield path, method.upper(), [one["name"] for one in given], lists


def refused(client, path, method, query):
    body = {} if method in ("POST", "PUT") else None
    answer = client.request(method, f"{path.replace('{job_id}', JOB)}?{query}", json=body)
    return {(one["pointer"], one["detail"]) for one in answer.json().get("errors", [])}


def pointers(answer):
    assert answer.status_code == 422
    return [one["pointer"] for one in problem(answer)["errors"]]


def test_no_call_takes_an_argument_twice_that_is_no_list(client):
    arguments = 0
    for path, method, names, lists in queries(client):
        for name in names:
            twice = (f"?{name}", "it is given more than once; give it once")
            told = refused(client, path, method, f"{name}=1&{name}=1")
            assert (twice in told) == (name not in lists), (path, name)
            arguments += 1
    assert arguments > 20


def test_no_call_takes_an_argument_that_it_does_not_know(client):
    for path, method, _, _ in queries(client):
        told = dict(refused(client, path, method, "nonsense=1"))
        assert told["?nonsense"].startswith("there is no such field; this call takes "), path


def test_all_that_is_wrong_with_a_query_is_told_at_once(client):
    answer = client.get("/jobs?limit=1&limit=0&knid=f1&kind=f1&kind=audit&state=gone")
    assert set(pointers(answer)) == {"?knid", "?kind", "?limit", "?state"}
    said = [one["detail"] for one in answer.json()["errors"] if one["pointer"] == "?limit"]
    assert said == ["it is given more than once; give it once", "Input should be greater than or equal to 1"]


def test_what_is_missing_is_told_with_what_is_not_known(client):
    assert pointers(client.get("/labels?nonsense=1")) == ["?nonsense", "?path_to_labels"]


def test_faults_of_a_body_are_told_with_those_of_the_query(client):
    told = pointers(client.post("/hand-outs/give-back?nonsense=1", json={"job_id": 1}))
    assert set(told) == {"?nonsense", "/path_to_img", "/job_id"}


def test_faults_of_a_new_job_are_told_with_those_of_the_query(client):
    told = pointers(client.post("/jobs?x=1", json={"kind": "selection", "add": 0, "nonsense": 1}))
    assert set(told) == {"?x", "/path_to_img", "/backbone", "/add", "/nonsense"}


@pytest.mark.parametrize("body", [[], {}, {"kind": "f2"}, {"kind": "selection", "path_to_img": "/etc"}])
def test_what_a_job_of_a_faulty_query_names_on_the_disk_is_not_looked_at(client, body):
    answer = client.post("/jobs?x=1", json=body)
    assert "?x" in pointers(answer)
    assert "/path_to_img" not in pointers(answer)


@pytest.mark.parametrize("send", [{}, {"json": []}])
def test_a_query_is_refused_whatever_body_comes_with_it(client, send):
    assert set(pointers(client.post("/hand-outs/give-back?nonsense=1", **send))) == {"?nonsense", "/"}


def test_of_thousands_of_arguments_that_are_not_known_twenty_are_told(client):
    answer = client.get("/jobs?" + "&".join(f"a{at}" for at in range(3000)))
    assert pointers(answer) == [f"?a{at}" for at in range(20)]
    assert answer.json()["errors"][-1]["detail"].endswith("; and 2980 more that it doesn't take")
    assert len(answer.content) < 8000


def test_names_may_be_asked_for_one_by_one(client, data):
    answer = client.get(f"/labels?path_to_labels={data.selection['path_to_labels']}&of=a.png&of=b.png")
    assert answer.status_code == 200
