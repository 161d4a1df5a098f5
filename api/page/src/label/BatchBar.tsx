import { showHelp } from "../help/Help";
import { Kbd } from "../shared/Kbd";
import { ahead } from "../store/ahead";
import { elsewhere, total } from "../store/labels";
import { notes } from "../store/notes";
import { unsaved } from "../store/outbox";
import { isBoxes, skipped, theProject } from "../store/project";
import { addressOf } from "../store/route";
import type { Sheet } from "../store/sheet";
import { words } from "../words";
import { HandOuts } from "./HandOuts";

interface Given {
  sheet: Sheet | null;
  /** Whose batch is shown. */
  job: string | undefined;
  busy: boolean;
  onNext: () => void;
  onSkipped: () => void;
  onClasses: () => void;
}

/** How far the batch is, and the way to the next one. */
export function BatchBar({ sheet, job, busy, onNext, onSkipped, onClasses }: Given) {
  const all = sheet?.entries.length ?? 0;
  const unsure = isBoxes() ? 0 : [...notes.value.values()].filter((one) => one.unsure).length;
  const done = all - (sheet?.open.value.length ?? 0);
  return (
    <div class="batch-bar">
      <p class="grow">
        {sheet ? (
          <>
            <strong class="num">{words.label.inBatch(done, all)}</strong> {words.label.thisBatch}
          </>
        ) : (
          <strong>{words.label.noBatch}</strong>
        )}{" "}
        {total.value !== null && <span class="dim">· {words.label.inAll(total.value)}</span>}{" "}
        {elsewhere.value > 0 && <span class="dim">· {words.label.elsewhere(elsewhere.value)}</span>}{" "}
        {skipped.value.length > 0 && (
          <button type="button" class="link" onClick={onSkipped}>
            {words.label.skippedCount(skipped.value.length)}
          </button>
        )}{" "}
        {unsure > 0 && (
          <a class="link" href={addressOf("browse", { noted: "unsure", noted_by: theProject().person })}>
            {words.notes.unsureCount(unsure)}
          </a>
        )}{" "}
        <HandOuts job={job} />{" "}
        {ahead.value?.progress?.total && (
          <span class="dim" title={words.label.aheadTitle}>
            · {words.label.ahead(ahead.value.progress.done ?? 0, ahead.value.progress.total)}
          </span>
        )}{" "}
        {unsaved.value > 0 && (
          <span class="unsaved" role="status">
            {words.label.saving(unsaved.value)}
          </span>
        )}
      </p>
      <progress max={Math.max(1, all)} value={done} aria-label={words.label.progress} />
      <button type="button" class={!sheet || done === all ? "primary" : ""} disabled={busy} onClick={onNext}>
        {busy ? words.label.choosing : words.label.next} <Kbd>n</Kbd>
      </button>
      <button type="button" class="quiet" onClick={onClasses}>
        {words.label.classes}
      </button>
      <button type="button" class="quiet" aria-label={words.label.keys} onClick={() => void showHelp()}>
        ?
      </button>
    </div>
  );
}
