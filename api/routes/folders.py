"""List what there is under the data roots, for a person to choose from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from nextlabel.api.auth import Reader
from nextlabel.api.errors import RESPONSES
from nextlabel.api.services import Given
from nextlabel.core.data.listing import list_folder, list_roots

router = APIRouter(tags=["data"], responses=RESPONSES)


class Folder(BaseModel):
    """Paths as requests take them."""

    path: str | None = Field(description="None: these are the data roots.")
    parent: str | None = Field(description="The folder it lies in; none above a data root.")
    folders: list[str]
    files: list[str] = Field(description="Files that may hold labels: .txt, .tsv and .csv.")
    images: int = Field(description="That lie in it, not counting sub-folders.")
    unread: dict[str, int] = Field(description="Files in it that look like images and are not read, by suffix.")
    more: bool = Field(description="There is more in it than is listed.")
    path_to_labels: str | None = Field(
        description="Where labels of its images may go: a folder beside it, or in a data root that may be written."
    )


class FolderQuery(BaseModel):
    path: str | None = Field(None, min_length=1, max_length=4096, description="Without it, the data roots.")


@router.get("/folders")
async def folders(services: Given, _: Reader, which: Annotated[FolderQuery, Query()]) -> Folder:
    """List the folders and labels files in a folder. Hidden ones are left out."""
    roots = services.settings.data_roots
    if which.path is None:
        listing = await services.files.run(map(str, roots), list_roots, roots)
    else:
        listing = await services.files.run(which.path, list_folder, which.path, roots)
    return Folder.model_validate(listing, from_attributes=True)
