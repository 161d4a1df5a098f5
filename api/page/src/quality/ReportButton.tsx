import { useSignal } from "@preact/signals";
import { download, get, Problem } from "../service/service";
import type { Job, Kind } from "../service/types";
import { attempt } from "../store/notices";
import { lastJob, theProject, whatALabelIs } from "../store/project";
import { words } from "../words";

const TOLD: readonly Kind[] = ["learning_curve", "f1", "label_check", "selection", "map", "agreement"];

/** Saves what the newest answers of each kind tell as one file to mail. */
export function ReportButton() {
  const busy = useSignal(false);
  const make = async () => {
    busy.value = true;
    await attempt(async () => {
      const found = await Promise.all(TOLD.map(ended));
      const { pool, labels } = theProject();
      const body = { path_to_img: pool, path_to_labels: labels, jobs: found.filter(Boolean), ...whatALabelIs() };
      await download("report", "text/html", "report.html", body);
    });
    busy.value = false;
  };
  return (
    <button type="button" disabled={busy.value} title={words.quality.reportHint} onClick={() => void make()}>
      {words.quality.report}
    </button>
  );
}

/** The id of the newest job of a kind, where that has an answer. */
async function ended(kind: Kind): Promise<string | null> {
  const id = lastJob(kind);
  if (!id) return null;
  try {
    const job = await get<Job>(`jobs/${id}`);
    const { task = "classification" } = job.request as { task?: string };
    return job.state === "succeeded" && task === (whatALabelIs().task ?? "classification") ? id : null;
  } catch (error) {
    if (error instanceof Problem && !error.retryable) return null; // forgotten
    throw error;
  }
}
