"""What an operator takes from deploy/: each query asks for metrics that exist, each manifest for settings that do.

There is no cluster here. Where `promtool`, `kubectl` and `kubernetes-validate` (`make test-kubernetes`) are
installed they read the files too, else they are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from functools import cache
from ipaddress import ip_address, ip_network
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from nextlabel.api.auth import OPEN
from nextlabel.api.metrics import exposition
from nextlabel.core.errors import Misconfigured
from nextlabel.core.jobs.store import Counts
from nextlabel.core.keys import KeyFile, KeyRing, Scope, check_access
from nextlabel.core.settings import Settings
from tests.test_deployment import IMAGES, seconds, service, steps

REPO = Path(__file__).resolve().parents[1]
DEPLOY = REPO / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
JOB = "nextlabel"  # as Prometheus knows it

COUNTS = Counts(
    live={("f1", "queued"): 1},
    leased=1,
    shard_leases=1,
    oldest_queued_s=1.0,
    lease_left_s=1.0,
    started={"f1": 1},
    wait_s={"f1": 1.0},
    run_s={"f1": 1.0},
    ended={("f1", "failed"): 1},
    reaped=1,
    fenced=1,
    shards=1,
    shard_images=1,
    shard_s=1.0,
    workers={"worker-1@host": True},
    processes=1,
    webhooks_waiting=1,
    webhooks={"given_up": 1},
)
FAMILIES = list(text_string_to_metric_families(exposition(COUNTS).decode()))
METRICS = {sample.name: (family.type, set(sample.labels)) for family in FAMILIES for sample in family.samples}


# --- reading the files ----------------------------------------------------------------------------------------------


def read(name):
    return yaml.safe_load((DEPLOY / name).read_text())


@cache
def manifests():
    files = read("kubernetes/kustomization.yaml")["resources"]
    return [one for name in files for one in yaml.safe_load_all((KUBERNETES / name).read_text())]


def manifest(kind, name):
    (found,) = [one for one in manifests() if (one["kind"], one["metadata"]["name"]) == (kind, f"nextlabel-{name}")]
    return found


def pod(name):
    return manifest("StatefulSet" if name == "redis" else "Deployment", name)["spec"]["template"]["spec"]


def container(name):
    (found,) = pod(name)["containers"]
    return found


def mounts(name):
    return {mount["mountPath"]: mount for mount in container(name)["volumeMounts"]}


def environment(name):
    """What the container is given in so many words."""
    (generated,) = read("kubernetes/kustomization.yaml")["configMapGenerator"]
    assert container(name)["envFrom"] == [{"configMapRef": {"name": generated["name"]}}]
    own = {one["name"]: one["value"] for one in container(name)["env"] if "value" in one}
    return dict(line.split("=", 1) for line in generated["literals"]) | own


def dashboard():
    return json.loads((DEPLOY / "grafana/nextlabel.json").read_text())


def alerts():
    (group,) = read("prometheus/alerts.yaml")["groups"]
    return group["rules"]


def scaling():
    return read("kubernetes/autoscaling.yaml")["spec"]


def scaling_query():
    (trigger,) = scaling()["triggers"]
    return trigger["metadata"]["query"]


def queries():
    shown = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    return [*shown, *(alert["expr"] for alert in alerts()), scaling_query()]


def metrics_in(query):
    return re.findall(r"\bnextlabel_\w+", query)


# --- queries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", queries())
def test_a_query_names_only_metrics_and_labels_that_exist(query):
    assert set(metrics_in(query)) <= METRICS.keys()
    known = {"job"}.union(*(METRICS[name][1] for name in metrics_in(query)))
    lists = re.findall(r"\b(?:by|on) \(([^)]*)\)", query)
    asked = {label.strip() for labels in lists for label in labels.split(",")} | set(re.findall(r"(\w+)=~?\"", query))
    assert asked <= known


@pytest.mark.parametrize("query", queries())
def test_several_api_processes_count_as_one_and_counters_are_asked_for_their_rate(query):
    for name in set(metrics_in(query)):
        wrapped = r"\((?:rate|increase)\(" if METRICS[name][0] == "counter" else r"\("
        found = re.findall(rf"\b(?:max|min)(?: by \([^)]*\) )?{wrapped}{name}\b", query)
        assert len(found) == metrics_in(query).count(name), name


def test_every_metric_is_on_the_dashboard():
    shown = {
        name for panel in dashboard()["panels"] for target in panel["targets"] for name in metrics_in(target["expr"])
    }
    assert shown == METRICS.keys()


# --- the dashboard --------------------------------------------------------------------------------------------------


def test_the_dashboard_is_for_grafana_11_and_for_whichever_data_source_is_chosen():
    assert dashboard()["schemaVersion"] >= 39
    assert dashboard().get("uid") is dashboard()["id"] is None
    assert [one["name"] for one in dashboard()["templating"]["list"] if one["type"] == "datasource"] == ["datasource"]
    uids = set(re.findall(r'"uid": "([^"]*)"', json.dumps(dashboard())))
    assert uids == {"${datasource}"}


@pytest.mark.parametrize("panel", dashboard()["panels"], ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_in_which_unit(panel):
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in {"none", "s"}


def test_no_panel_hides_another():
    taken = [cells(panel["gridPos"]) for panel in dashboard()["panels"]]
    assert all(one.isdisjoint(other) for one, other in combinations(taken, 2))
    assert max(x for one in taken for x, _ in one) < 24


def cells(at):
    return {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}


# --- alerts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_what_has_happened(alert):
    assert alert["alert"].startswith("Nextlabel")
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"].keys() == {"summary", "description"}
    assert "for" in alert or "increase(" in alert["expr"]  # else a single bad scrape would wake somebody


#: An hour of two API processes that tell the same of a service at work.
WELL = {
    "up": "1+0x60",
    'nextlabel_jobs{kind="f1",state="queued"}': "2+0x60",
    'nextlabel_worker_up{worker="a"}': "1+0x60",
    "nextlabel_oldest_queued_seconds": "20+0x60",
    "nextlabel_lease_left_seconds": "16+0x60",
    "nextlabel_leases_reaped_total": "0+0x30 2+0x30",
    "nextlabel_fenced_writes_total": "0+0x30 3+0x30",
    'nextlabel_jobs_ended_total{kind="f1",state="succeeded"}': "0+2x60",
    'nextlabel_jobs_ended_total{kind="f1",state="failed"}': "0+0x30 4+0x30",
    "nextlabel_webhooks_waiting": "60+0x60",
    'nextlabel_webhooks_total{outcome="failed"}': "0+1x60",
}
ILL = {
    "NextlabelDown": {"up": "0+0x60"},
    "NextlabelNoWorker": {'nextlabel_worker_up{worker="a"}': "1+0x30 0+0x30"},
    "NextlabelQueueOld": {"nextlabel_oldest_queued_seconds": "0+60x60"},
    "NextlabelLeaseOverdue": {"nextlabel_lease_left_seconds": "16-10x60"},
    "NextlabelLeasesReaped": {"nextlabel_leases_reaped_total": "0+0x30 5+0x30"},
    "NextlabelFencedWrites": {"nextlabel_fenced_writes_total": "0+1x60"},
    "NextlabelJobsFailing": {'nextlabel_jobs_ended_total{kind="f1",state="failed"}': "0+1x60"},
    "NextlabelWebhooksWaiting": {"nextlabel_webhooks_waiting": "200+0x60"},
    "NextlabelWebhooksGivenUp": {'nextlabel_webhooks_total{outcome="given_up"}': "0+0x30 1+0x30"},
}


@pytest.fixture
def promtool(tmp_path):
    """Holds what a query gives after an hour against the samples that are expected."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")

    def tell(series, query, expected):
        told = {"input_series": told_by_two(series), "interval": "1m"}
        told["promql_expr_test"] = [{"expr": query, "eval_time": "1h", "exp_samples": expected}]
        path = tmp_path / "test.yaml"
        rules = [str(DEPLOY / "prometheus/alerts.yaml")]
        path.write_text(yaml.safe_dump({"rule_files": rules, "evaluation_interval": "1m", "tests": [told]}))
        done = subprocess.run(["promtool", "test", "rules", path], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    return tell


def told_by_two(series):
    """Each series as two API processes tell it."""
    named = {name if "{" in name else name + "{}": values for name, values in series.items()}
    return [
        {"series": re.sub(r"\{,?", f'{{job="{JOB}",instance="{api}",', name).replace(",}", "}"), "values": values}
        for api in ("one", "two")
        for name, values in named.items()
    ]


FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})'


def test_no_alert_fires_while_all_is_well(promtool):
    promtool(WELL, FIRING, [])


@pytest.mark.parametrize("alert", ILL)
def test_an_alert_fires_for_its_own_cause_and_no_other_does(alert, promtool):
    promtool(WELL | ILL[alert], FIRING, [{"labels": f'{{alertname="{alert}"}}', "value": 1}])


def test_every_alert_has_a_cause_it_is_tried_with():
    assert [alert["alert"] for alert in alerts()] == list(ILL)


def test_a_service_without_workers_and_jobs_is_well(promtool):
    promtool({"up": "1+0x60", "nextlabel_oldest_queued_seconds": "0+0x60"}, FIRING, [])


# --- scraping -------------------------------------------------------------------------------------------------------


def test_prometheus_sends_a_key_and_names_the_job_as_the_queries_do():
    (scraped,) = read("prometheus/scrape.yaml")["scrape_configs"]
    assert scraped["job_name"] == JOB
    assert scraped["authorization"].keys() == {"type", "credentials_file"}
    assert scraped["authorization"]["type"] == "Bearer"
    (targets,) = scraped["static_configs"]
    assert [target.rsplit(":", 1)[1] for target in targets["targets"]] == steps("api", "EXPOSE")
    named = {name for query in (scaling_query(), *(one["expr"] for one in alerts())) for name in job_names(query)}
    assert named == {JOB}


def job_names(query):
    return re.findall(r'job="(\w+)"', query)


# --- Kubernetes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", IMAGES)
def test_the_settings_are_real_and_point_into_the_mounts(name, monkeypatch):
    given = environment(name)
    ours = {variable.removeprefix("NEXTLABEL_").lower() for variable in given}
    assert ours <= Settings.model_fields.keys()
    settings = settings_of(name, monkeypatch)
    folders = {*settings.data_roots, settings.state_dir, settings.cache_dir}
    assert {str(folder) for folder in folders} <= mounts(name).keys()
    assert settings.api_keys_file is None or str(settings.api_keys_file.parent) in mounts(name)


def settings_of(name, monkeypatch):
    for variable, value in environment(name).items():
        monkeypatch.setenv(variable, value.replace("$(REDIS_PASSWORD)", "secret"))
    return Settings()


def test_the_api_starts_with_its_keys_and_not_without(monkeypatch, tmp_path):
    settings = settings_of("api", monkeypatch)
    (command,) = (json.loads(step) for step in steps("api", "CMD"))
    inside = command[command.index("--host") + 1]
    keys = tmp_path / settings.api_keys_file.name
    with pytest.raises(Misconfigured):
        check_access(settings.model_copy(update={"api_keys_file": None}), inside)
    with pytest.raises(Misconfigured):
        check_access(settings.model_copy(update={"api_keys_file": keys}), inside)
    KeyFile(keys).create("anna", [Scope.READ])
    check_access(settings.model_copy(update={"api_keys_file": keys}), inside)


def test_a_key_added_to_the_secret_is_seen_as_it_is_mounted(tmp_path):
    """A secret's files are links through one that is turned over to a new folder."""
    old, new = (KeyFile(tmp_path / version / "keys.json") for version in ("..1", "..2"))
    old.create("anna", [Scope.READ])
    added = new.create("ben", [Scope.READ])
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "keys.json").symlink_to("..data/keys.json")
    ring = KeyRing(tmp_path / "keys.json")
    assert ring.find(added) is None
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").replace(tmp_path / "..data")
    assert ring.find(added) is not None
    assert all("subPath" not in mount for mount in mounts("api").values())


def test_the_api_and_the_workers_share_files_that_many_nodes_may_mount_and_redis():
    shared = {"/datasets", "/labels", "/state", "/cache"}
    assert shared <= mounts("api").keys() & mounts("worker").keys()
    for name in IMAGES:
        read_only = {path for path in shared if mounts(name)[path].get("readOnly")}
        assert read_only == {"/datasets"} | ({"/labels"} if name == "worker" else set())
        for path in shared:
            claim = claim_of(name, mounts(name)[path]["name"])
            assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert environment("api")["NEXTLABEL_REDIS_URL"] == environment("worker")["NEXTLABEL_REDIS_URL"]


def claim_of(name, volume):
    (found,) = [one["persistentVolumeClaim"]["claimName"] for one in pod(name)["volumes"] if one["name"] == volume]
    return manifest("PersistentVolumeClaim", found.removeprefix("nextlabel-"))


@pytest.mark.parametrize("name", IMAGES)
def test_what_is_mounted_is_a_volume_of_the_pod_and_what_is_claimed_is_made(name):
    volumes = {volume["name"]: volume for volume in pod(name)["volumes"]}
    assert {mount["name"] for mount in mounts(name).values()} == volumes.keys()
    claimed = {one["persistentVolumeClaim"]["claimName"] for one in volumes.values() if "persistentVolumeClaim" in one}
    assert claimed == {one["metadata"]["name"] for one in manifests() if one["kind"] == "PersistentVolumeClaim"}


@pytest.mark.parametrize("name", IMAGES)
def test_a_container_runs_the_images_own_command_as_its_own_user(name):
    assert container(name)["image"] == f"nextlabel-{name}"
    assert container(name).keys().isdisjoint({"command", "args"})
    assert [str(pod(name)["securityContext"]["runAsUser"])] == steps(name, "USER")
    renamed = {image["name"] for image in read("kubernetes/kustomization.yaml")["images"]}
    assert renamed == {f"nextlabel-{image}" for image in IMAGES}


@pytest.mark.parametrize("name", ["redis", *IMAGES])
def test_nothing_runs_as_root_or_may_become_it(name):
    assert pod(name)["securityContext"]["runAsNonRoot"]
    inside = container(name)["securityContext"]
    assert (inside["allowPrivilegeEscalation"], inside["capabilities"]) == (False, {"drop": ["ALL"]})
    assert inside.get("readOnlyRootFilesystem", False) == service(name).get("read_only", False)
    assert not pod(name)["automountServiceAccountToken"]


@pytest.mark.parametrize("name", ["redis", "api"])
def test_a_service_leads_to_the_pods_that_listen(name):
    found = manifest("Service", name)["spec"]
    (listens,) = container(name)["ports"]
    workload = manifest("StatefulSet" if name == "redis" else "Deployment", name)["spec"]
    assert found["selector"] == workload["selector"]["matchLabels"] == workload["template"]["metadata"]["labels"]
    assert [one["port"] for one in found["ports"]] == [listens["containerPort"]]
    port = (
        steps("api", "EXPOSE")[0]
        if name == "api"
        else re.findall(r":(\d+)/", environment("api")["NEXTLABEL_REDIS_URL"])[0]
    )
    assert str(listens["containerPort"]) == port


def test_redis_keeps_what_it_accepted_as_under_compose_and_asks_for_a_password():
    arguments = container("redis")["args"]
    assert arguments[:-2] == shlex.split(service("redis")["command"])
    assert arguments[-2:] == ["--requirepass", "$(REDISCLI_AUTH)"]
    assert f"${{REDIS:-{container('redis')['image']}}}" == service("redis")["image"]
    (kept,) = manifest("StatefulSet", "redis")["spec"]["volumeClaimTemplates"]
    assert mounts("redis")["/data"]["name"] == kept["metadata"]["name"]


def test_only_the_api_and_the_workers_reach_redis_nobody_reaches_a_worker_and_all_reach_the_api():
    assert rule("redis", "ingress") == [
        {
            "from": [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": APPS}]}}],
            "ports": [{"port": container("redis")["ports"][0]["name"]}],
        }
    ]
    assert rule("redis", "egress") == rule("worker", "ingress") == []
    assert rule("api", "ingress") == [{"ports": [{"port": container("api")["ports"][0]["name"]}]}]


APPS = [f"nextlabel-{name}" for name in IMAGES]


def rule(name, direction):
    spec = manifest("NetworkPolicy", name)["spec"]
    assert spec["podSelector"] == {"matchLabels": {"app": f"nextlabel-{name}"}}
    assert direction.capitalize() in spec["policyTypes"]
    return spec[direction]


def test_the_api_and_the_workers_ask_redis_names_and_the_outside_alone():
    spec = manifest("NetworkPolicy", "outwards")["spec"]
    assert spec["podSelector"]["matchExpressions"] == [{"key": "app", "operator": "In", "values": APPS}]
    assert spec["policyTypes"] == ["Egress"]
    redis, names, outside = spec["egress"]
    assert redis["to"] == [{"podSelector": manifest("StatefulSet", "redis")["spec"]["selector"]}]
    assert redis["ports"] == [{"port": container("redis")["ports"][0]["containerPort"]}]
    assert {one["port"] for one in names["ports"]} == {53}
    ((block,),) = (list(one.values()) for one in outside["to"])
    assert all(any(ip_address(inside) in ip_network(one) for one in block["except"]) for inside in CLUSTER)


CLUSTER = ("10.96.0.1", "172.20.0.1", "192.168.1.1", "169.254.169.254")  # services, pods, nodes, a node's credentials


@pytest.mark.parametrize("name", ["redis", *IMAGES])
def test_a_container_says_what_it_takes_and_has_no_limit_for_its_cpu(name):
    requests, limits = container(name)["resources"]["requests"], container(name)["resources"]["limits"]
    assert requests.keys() == {"cpu", "memory"}
    assert limits.keys() - {"nvidia.com/gpu"} == {"memory"}


def test_the_memory_of_a_worker_holds_what_it_keeps_and_that_of_the_api_an_image_that_is_dear():
    kept = int(environment("worker")["NEXTLABEL_KEEP_EMBEDDINGS_MB"])
    assert 2 * kept <= gibibytes("worker") * 1024
    assert Settings().decode_memory_mb < gibibytes("api") * 1024


def gibibytes(name):
    return int(container(name)["resources"]["limits"]["memory"].removesuffix("Gi"))


@pytest.mark.parametrize("name", IMAGES)
def test_a_node_that_is_drained_takes_one_of_each_at_a_time(name):
    budget = manifest("PodDisruptionBudget", name)["spec"]
    assert budget == {"maxUnavailable": 1, "selector": manifest("Deployment", name)["spec"]["selector"]}


def test_an_ingress_leads_to_the_api_and_holds_no_event_back():
    ingress = read("kubernetes/ingress.yaml")
    (host,) = ingress["spec"]["rules"]
    (path,) = host["http"]["paths"]
    found = manifest("Service", "api")
    named = path["backend"]["service"]
    assert named == {"name": found["metadata"]["name"], "port": {"name": found["spec"]["ports"][0]["name"]}}
    said = {name.rpartition("/")[2]: value for name, value in ingress["metadata"]["annotations"].items()}
    assert said["proxy-buffering"] == "off"
    assert int(said["proxy-read-timeout"]) > 3600
    assert int(said["proxy-body-size"].removesuffix("m")) >= Settings().max_label_studio_request_bytes / 1e6
    (secured,) = ingress["spec"]["tls"]
    assert secured["hosts"] == [host["host"]]


def test_jobs_are_accepted_while_no_worker_is_up():
    for probe in ("livenessProbe", "readinessProbe"):
        asked = container("api")[probe]["httpGet"]["path"]
        assert asked == "/healthz"  # /readyz is 503 then, and the Service would send no one here
        assert asked in OPEN  # a probe has no key


def test_workers_outlive_an_outage_of_redis_and_have_time_to_give_their_jobs_back():
    check = container("worker")["readinessProbe"]["exec"]["command"]
    assert ["CMD", *check] == service("worker")["healthcheck"]["test"]
    assert "livenessProbe" not in container("worker")
    grace = pod("worker")["terminationGracePeriodSeconds"]
    assert grace == seconds(service("worker")["stop_grace_period"])
    assert grace > Settings().lease_s


def test_secrets_that_are_needed_are_made_on_the_page():
    text = "".join(path.read_text() for path in KUBERNETES.glob("*.yaml"))
    named = set(re.findall(r"(?:secretKeyRef: \{name|secretName): ([\w-]+)", text))
    made = set(re.findall(r"kubectl create secret (?:generic|tls) ([\w-]+)", (REPO / "docs/deployment.md").read_text()))
    assert named == made
    assert not [one for one in manifests() if one["kind"] == "Secret"]


def test_kubectl_builds_the_manifests():
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(["kubectl", "kustomize", KUBERNETES], check=True, capture_output=True, text=True)
    built = list(yaml.safe_load_all(done.stdout))
    assert [one["kind"] for one in built].count("ConfigMap") == len(built) - len(manifests()) == 1


@pytest.fixture
def kubernetes_validate():
    program = os.environ.get("KUBERNETES_VALIDATE") or shutil.which("kubernetes-validate")
    if not program:
        pytest.skip("needs kubernetes-validate: `make test-kubernetes` installs it")
    return program


def test_kubernetes_own_schemas_allow_every_field_of_the_manifests(kubernetes_validate):
    apart = {"kustomization.yaml", "autoscaling.yaml"}  # no kinds of Kubernetes' own
    files = [path for path in KUBERNETES.glob("*.yaml") if path.name not in apart]
    done = subprocess.run([kubernetes_validate, "--strict", *files], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("passed") == len(manifests()) + 2  # with ingress.yaml and hpa.yaml


# --- scale-out ------------------------------------------------------------------------------------------------------


def test_the_autoscaler_alone_says_how_many_workers_there_are():
    assert scaling()["scaleTargetRef"]["name"] == manifest("Deployment", "worker")["metadata"]["name"]
    assert "replicas" not in manifest("Deployment", "worker")["spec"]
    assert 0 <= scaling()["minReplicaCount"] <= 1 < scaling()["maxReplicaCount"]
    assert container("worker")["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_without_keda_a_worker_at_work_draws_another():
    spec = read("kubernetes/hpa.yaml")["spec"]
    target = spec["scaleTargetRef"]
    assert manifest(target["kind"], target["name"].removeprefix("nextlabel-")) == manifest("Deployment", "worker")
    assert 1 == spec["minReplicas"] < spec["maxReplicas"] == scaling()["maxReplicaCount"]
    ((metric,),) = (list(one.values())[1:] for one in spec["metrics"])
    assert metric["name"] in container("worker")["resources"]["requests"]


def test_the_autoscaler_leaves_the_workers_as_they_are_while_prometheus_knows_nothing():
    (trigger,) = scaling()["triggers"]
    assert trigger["metadata"]["ignoreNullValues"] == "false"
    assert "fallback" not in scaling()  # KEDA then leaves the number of workers as it is


def test_an_api_that_is_gone_is_not_taken_for_no_work(promtool):
    promtool({"up": "0+0x60"}, scaling_query(), [])


@pytest.mark.parametrize(
    ("jobs", "shards", "waiting", "oldest", "wanted"),
    [
        (0, 0, 0, 0, 0),  # nothing to do
        (0, 0, 9, 15, 0.25),  # above 0: the first worker
        (2, 0, 0, 0, 2),  # those at work stay
        (2, 0, 9, 180, 5),  # one more for every minute
        (2, 0, 1, 600, 3),  # never more than could take a job
        (1, 3, 0, 0, 4),  # a shared job: three hold shards, a fourth may
    ],
)
def test_workers_are_wanted_for_work_and_for_waiting(jobs, shards, waiting, oldest, wanted, promtool):
    told = {
        "nextlabel_leases": f"{jobs}+0x60",
        "nextlabel_shard_leases": f"{shards}+0x60",
        "nextlabel_oldest_queued_seconds": f"{oldest}+0x60",
    }
    if waiting:
        told['nextlabel_jobs{kind="f1",state="queued"}'] = f"{waiting}+0x60"
    promtool(told, scaling_query(), [{"labels": "{}", "value": wanted}])


# --- the page about it ----------------------------------------------------------------------------------------------


def page():
    return (REPO / "docs/observability.md").read_text()


def test_every_metric_stands_on_the_page_as_it_is_told_and_no_other():
    rows = re.findall(r"^\| `(nextlabel_\w+)` \| (\w+) \| ?(.*?) \| .+ \|$", page(), re.MULTILINE)
    told = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert len(rows) == len(told)
    assert told == METRICS


def test_every_alert_stands_on_the_page_with_its_severity_and_no_other():
    rows = re.findall(r"^\| `(Nextlabel\w+)` \| (\w+) \| .+ \|$", page(), re.MULTILINE)
    assert rows == [(alert["alert"], alert["labels"]["severity"]) for alert in alerts()]


def test_the_pages_name_only_files_that_exist():
    text = page() + (REPO / "docs/deployment.md").read_text()
    named = set(re.findall(r"deploy/[\w/.-]*\w", text))
    assert named >= {"deploy/grafana/nextlabel.json", "deploy/prometheus/alerts.yaml", "deploy/prometheus/scrape.yaml"}
    assert [name for name in named if not (REPO / name).exists()] == []
