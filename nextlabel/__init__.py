"""The Python client of nextlabel: `from nextlabel import Client`."""

from client.errors import ClientError, JobCancelled, JobFailed, NotNextlabel, Refused, Unreachable
from client.http import AsyncClient, Client
from client.job import Job
from client.talk import Event
from core.data.labels import read_labels, write_labels

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "Event",
    "Job",
    "JobCancelled",
    "JobFailed",
    "NotNextlabel",
    "Refused",
    "Unreachable",
    "read_labels",
    "write_labels",
]
