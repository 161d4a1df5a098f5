import type { TargetedMouseEvent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { dialogs, type Opened, open } from "../store/notices";
import { words } from "../words";
import { Toasts } from "./Toasts";

export function Dialogs() {
  return (
    <>
      {dialogs.value.map((one) => (
        <Dialog key={one.id} opened={one} isOnTop={one === dialogs.value.at(-1)} />
      ))}
    </>
  );
}

function Dialog({ opened, isOnTop }: { opened: Opened; isOnTop: boolean }) {
  const box = useRef<HTMLDialogElement>(null);
  const begunBeside = useRef(false);
  const isBeside = (event: TargetedMouseEvent<HTMLDialogElement>) =>
    event.target === event.currentTarget && !holds(event.currentTarget, event);
  useEffect(() => {
    const before = document.activeElement;
    box.current?.showModal();
    box.current?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () =>
      queueMicrotask(() => {
        if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
        opened.gone();
      });
  }, []);
  return (
    <dialog
      ref={box}
      class={opened.wide ? "wide" : ""}
      aria-label={opened.title}
      onClose={() => opened.close()}
      onMouseDown={(event) => {
        begunBeside.current = isBeside(event);
      }}
      onClick={(event) => begunBeside.current && isBeside(event) && opened.close()}
    >
      <header>
        <h2>{opened.title}</h2>
        <button type="button" class="quiet" aria-label={words.app.close} onClick={() => opened.close()}>
          ✕
        </button>
      </header>
      {opened.body}
      {isOnTop && <Toasts within />}
    </dialog>
  );
}

/** What lies beside a dialog counts as the dialog, and so does its own margin, and text that is selected beyond it. */
function holds(box: Element, { clientX: x, clientY: y }: MouseEvent): boolean {
  const { left, right, top, bottom } = box.getBoundingClientRect();
  return left <= x && x <= right && top <= y && y <= bottom;
}

/** Asks whether to go on. What is focused first is the way back, unless going on harms nothing. */
export async function confirmed(title: string, text: string, yes: string, no: string, harmless = false) {
  const answer = await open<boolean>(title, (close) => (
    <div>
      <p class="prose">{text}</p>
      <div class="row end">
        <button type="button" data-first={!harmless || undefined} onClick={() => close(false)}>
          {no}
        </button>
        <button type="button" class="primary" data-first={harmless || undefined} onClick={() => close(true)}>
          {yes}
        </button>
      </div>
    </div>
  ));
  return answer === true;
}
