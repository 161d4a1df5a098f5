import { away, faults } from "../store/connection";
import { unsaved } from "../store/outbox";
import { words } from "../words";
import { inWords } from "../words/faults";

/** One for all that is amiss: no service, no store, no worker, no room. */
export function Banner() {
  const wrong = away.value
    ? [words.connection.away]
    : faults.value.map((detail) => inWords({ code: "not_ready", detail }));
  if (!wrong.length) return null;
  return (
    <div class="banner" role="alert">
      <p>
        <strong>{wrong.map(sentence).join(" ")}</strong> {words.connection.goesOn}
        {unsaved.value > 0 && ` ${words.connection.unsaved(unsaved.value)}`}
      </p>
    </div>
  );
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
