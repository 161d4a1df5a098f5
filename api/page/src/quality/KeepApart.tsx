import { useEffect, useRef } from "preact/hooks";
import { confirmed } from "../shared/Dialogs";
import { useLifetime } from "../shared/lifetime";
import { attempt } from "../store/notices";
import { unsaved } from "../store/outbox";
import { isBoxes } from "../store/project";
import { addressOf } from "../store/route";
import { apart, keepApart, loadApart } from "../store/validation";
import { words } from "../words";

const USUAL = 100;
const LISTED = 20; // names
const toLabel = () =>
  isBoxes() ? addressOf("label", { apart: "true" }) : addressOf("browse", { apart: "true", labelled: "no" });

/** Keeps images apart to validate by, or tells how many are. */
export function KeepApart() {
  const lifetime = useLifetime();
  const field = useRef<HTMLInputElement>(null);
  const isWritten = !unsaved.value; // the last label may still be on its way
  useEffect(() => {
    void attempt(() => loadApart(lifetime));
  }, [isWritten]);
  const { validation: say } = words;
  const now = apart.value;
  if (!now) return null;
  const elsewhere = now.not_in_pool?.length ? (
    <p class="hint" title={now.not_in_pool.slice(0, LISTED).join("\n")}>
      {say.elsewhere(now.not_in_pool.length, now.not_in_pool[0]!)}
    </p>
  ) : null;
  if (now.images) {
    const giveUp = async () => {
      if (await confirmed(say.giveUpTitle, say.giveUpText, say.giveUp, words.app.cancel)) {
        await attempt(() => keepApart(0));
      }
    };
    return (
      <>
        <p class="row kept-apart">
          <span class="grow">{say.kept(now.images, now.labelled)}</span>
          {now.labelled < now.images && (
            <a class="button" href={toLabel()}>
              {say.label}
            </a>
          )}
          <button type="button" class="quiet" onClick={() => void giveUp()}>
            {say.giveUp}
          </button>
        </p>
        {elsewhere}
      </>
    );
  }
  const usual = Math.min(USUAL, now.most ?? USUAL); // half of a pool at least is learnt from
  return (
    <>
      <form
        class="row kept-apart"
        onSubmit={(event) => {
          event.preventDefault();
          void attempt(() => keepApart(field.current!.valueAsNumber || usual));
        }}
      >
        <label class="grow">
          {say.keep} <input ref={field} type="number" min={1} max={now.most ?? 100_000} defaultValue={`${usual}`} />
          <span class="hint">{say.hint}</span>
        </label>
        <button type="submit">{say.go}</button>
      </form>
      {elsewhere}
    </>
  );
}
