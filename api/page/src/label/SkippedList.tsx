import { Photo } from "../shared/Photo";
import { open } from "../store/notices";
import { setSkipped, skipped } from "../store/project";
import { words } from "../words";

const MOST_SHOWN = 300;

/** The images that are not proposed any more, to bring back. Resolves when it is closed. */
export const showSkipped = () => open<never>(words.label.skippedTitle, () => <SkippedList />, true);

function SkippedList() {
  const names = skipped.value;
  if (!names.length) return <p class="prose">{words.label.skippedNone}</p>;
  return (
    <div>
      <p class="prose">{words.label.skippedText}</p>
      <ul class="gallery">
        {names.slice(-MOST_SHOWN).map((name) => (
          <li key={name}>
            <Photo name={name} side={160} alt={name} />
            <p class="small name">{name}</p>
            <button type="button" onClick={() => setSkipped(name, false)}>
              {words.label.bringBack}
            </button>
          </li>
        ))}
      </ul>
      <div class="row end">
        <button
          type="button"
          onClick={() => {
            skipped.value = [];
          }}
        >
          {words.label.bringAllBack}
        </button>
      </div>
    </div>
  );
}
