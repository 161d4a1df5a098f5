import { useEffect, useRef, useState } from "preact/hooks";
import { isKeyKnown, keyWanted, takeKey } from "../service/service";
import { attempt } from "../store/notices";
import { words } from "../words";

/** Asks for a key until there is one that the service knows. */
export function KeyDialog() {
  return keyWanted.value ? <Asked /> : null;
}

function Asked() {
  const box = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [fault, setFault] = useState("");
  useEffect(() => box.current?.showModal(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    const given = field.current?.value.trim() ?? "";
    void attempt(async () => {
      if (await isKeyKnown(given)) takeKey(given);
      else setFault(words.key.unknown);
    });
  };
  return (
    <dialog ref={box} aria-label={words.key.title} onCancel={(event) => event.preventDefault()}>
      <header>
        <h2>{words.key.title}</h2>
      </header>
      <form onSubmit={submit}>
        <p class="prose">{words.key.why}</p>
        <label for="key">{words.key.yours}</label>
        <input ref={field} type="password" id="key" autocomplete="off" required placeholder="nl_…" />
        <p class="fault" role="alert">
          {fault}
        </p>
        <div class="row end">
          <button type="submit" class="primary">
            {words.key.use}
          </button>
        </div>
      </form>
    </dialog>
  );
}
