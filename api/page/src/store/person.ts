// Who labels here.

import { key } from "../service/service";
import { theProject } from "./project";

/** Whose labels these are: a key says so itself. */
export const signedBy = () => (key.value ? {} : { person: theProject().person });

/** Who gets a batch: a key's owner is "me", whoever that is. */
export const holder = () => (key.value ? "me" : theProject().person || "me");
