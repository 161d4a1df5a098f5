import { choose, LANGUAGES, language, words } from "../words";

/** The language of the page in this browser. Each is called by its own name, so that it is found by who reads it. */
export function LanguageChoice() {
  const now = language();
  return (
    <p class="language">
      <label for="language">{words.setup.language}</label>
      <select
        id="language"
        value={now}
        onChange={(event) => {
          choose(event.currentTarget.value);
          location.reload();
        }}
      >
        {Object.entries(LANGUAGES).map(([code, { name }]) => (
          <option key={code} value={code} lang={code}>
            {name}
          </option>
        ))}
      </select>
    </p>
  );
}
