interface Choice {
  name: string;
  /** What it is called, where that is not its name. */
  title?: string;
  summary: string;
  badge: string | null;
  use?: string;
}

interface Given {
  name: string;
  heading: string;
  chosen: string;
  choices: readonly Choice[];
  hint?: string | undefined;
  onChoose: (name: string) => void;
}

/** One of several, each with a sentence about it. */
export function Choices({ name, heading, chosen, choices, hint, onChoose }: Given) {
  return (
    <section class="card">
      <h2 id={`${name}s`}>{heading}</h2>
      {hint && <p class="hint good">{hint}</p>}
      <div class="choices" role="radiogroup" aria-labelledby={`${name}s`}>
        {choices.map((one) => (
          <label key={one.name} class="choice" for={`${name}-${one.name}`}>
            <input
              type="radio"
              id={`${name}-${one.name}`}
              name={name}
              value={one.name}
              checked={one.name === chosen}
              onChange={() => onChoose(one.name)}
            />
            <span>
              <strong>{one.title ?? one.name}</strong>
              {one.badge && <span class="badge">{one.badge}</span>}
              <span class="hint">{inCode(one.summary)}</span>
              {one.use && <span class="hint dim">{inCode(one.use)}</span>}
            </span>
          </label>
        ))}
      </div>
    </section>
  );
}

/** The service writes names between backticks. */
const inCode = (text: string) =>
  text.split("`").map((part, index) => (index % 2 ? <code key={index}>{part}</code> : part));
