import { open } from "../store/notices";
import { words } from "../words";

/** All keys, on one sheet. */
export const showHelp = () => open<never>(words.help.title, () => <Help />, true);

const Help = () => (
  <div class="keys">
    {words.help.sheets.map(([title, keys]) => (
      <section key={title}>
        <h3>{title}</h3>
        <dl>
          {keys.map(([key, does]) => (
            <>
              <dt>{key}</dt>
              <dd>{does}</dd>
            </>
          ))}
        </dl>
      </section>
    ))}
    <p class="hint">{words.help.layouts}</p>
  </div>
);
