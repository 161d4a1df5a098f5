"""Projects by name, as the service keeps them: `api/routes/projects.py` writes what this reads."""

from __future__ import annotations

from pydantic import BaseModel

from nextlabel.core.kinds.results import Part


class Project(Part):
    """A pool and its labels under a name, and how they are worked on; the same for everybody.

    Texts are as requests have them, "" where nothing was said. overlap_share: of the images, those that a second
    person is to label, too; 0 to 1. `version` changes with the project: one that is kept with the version that was read
    is refused where somebody else changed it meanwhile; with "" it is kept however it is.
    """

    name: str
    path_to_img: str
    path_to_labels: str
    path_to_img_val: str = ""
    path_to_labels_val: str = ""
    task: str = "classification"
    backbone: str = ""
    method: str = "auto"
    add: int = 20
    overlap_share: float = 0.0
    version: str = ""


class ProjectList(BaseModel):
    projects: list[Project]
