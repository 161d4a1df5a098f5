// What holds of an image that people see in several ways: it stands in a file of its own, and their labels stay in theirs.

import { Problem, post } from "../service/service";
import type { LabelsWritten } from "../service/types";
import { words } from "../words";
import { type Answer, linesOf } from "./answer";
import { tell } from "./notices";
import type { Outcome } from "./outbox";
import { theProject, theTask } from "./project";

/** Null opens the question again. */
export async function settle(name: string, answer: Answer | null): Promise<Outcome> {
  const body = { path_to_labels: theProject().labels, labels: linesOf(name, answer), ...theTask() };
  try {
    await post<LabelsWritten>("labels/settle", body);
    return "written";
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    tell(words.labels.notWritten(error.message), "bad");
    return "refused";
  }
}
