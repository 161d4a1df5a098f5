import { confirmed } from "../shared/Dialogs";
import { ExportButton } from "../shared/ExportButton";
import { Kbd } from "../shared/Kbd";
import type { Browse, Look } from "../store/browse";
import { attempt } from "../store/notices";
import { ago, percent, words } from "../words";

interface Given {
  browse: Browse;
  look: Look;
  /** The prediction whose suggestions are shown, if any. */
  job: string | null;
  onAgain: () => void;
}

/** How many images there are, how many of them are selected, and what can be done to them. */
export function ActBar({ browse, look, job, onAgain }: Given) {
  const hasGuesses = job !== null;
  const say = words.browse;
  const seen = browse.seen.value;
  const selected = browse.selected.value.size;
  const mayAccept = hasGuesses && look.labelled === "no" && (seen?.total ?? 0) > 0;
  const acceptAll = async () => {
    const text = `${say.acceptText} ${trust(browse, look)}`;
    const { acceptTitle, acceptNo } = say;
    const yes = say.acceptAll(browse.total, "");
    if (await confirmed(acceptTitle(browse.total), text, yes, acceptNo)) await attempt(() => browse.acceptAll());
  };
  return (
    <div class="act-bar">
      {/* Nothing comes or goes with what is selected: the grid stays where it is under the pointer. */}
      <p class="grow">
        {seen && (
          <>
            <strong class="num">{say.count(seen.total, seen.images)}</strong>{" "}
            <span class="num">{selected > 0 && `· ${say.selected(selected)}`}</span>{" "}
            <span class="dim small listed">{say.asOf(ago(seen.listed_at))}</span>{" "}
            <button type="button" class="link small" onClick={onAgain}>
              {say.again}
            </button>
          </>
        )}
      </p>
      <button
        type="button"
        class="quiet"
        title={say.howToSelect}
        onClick={() => (selected ? browse.none() : browse.all())}
      >
        {selected ? say.selectNone : say.selectAll}
      </button>
      {hasGuesses && (
        <button type="button" onClick={() => void attempt(() => browse.accept())}>
          {say.accept} <Kbd>Enter</Kbd>
        </button>
      )}
      <button type="button" onClick={() => void attempt(() => browse.takeBack())}>
        {say.takeBack} <Kbd>{words.label.deleteKey}</Kbd>
      </button>
      <ExportButton job={job} />
      {mayAccept && (
        <button type="button" class="primary" onClick={() => void acceptAll()}>
          {say.acceptAll(browse.total, look.least ? percent(Number(look.least)) : "")}
        </button>
      )}
      <button type="button" onClick={() => void attempt(() => browse.undo())}>
        {say.undo} <Kbd>u</Kbd>
      </button>
    </div>
  );
}

/** What cross-validation says of suggestions that are as sure as those that are looked for. */
function trust(browse: Browse, look: Look): string {
  const levels = browse.seen.value?.cross_validated;
  if (!levels) return words.browse.wrongNotAsked;
  const least = Number(look.least ?? 0);
  const level = levels.findLast(({ confidence }) => confidence <= least) ?? levels[0];
  if (!level?.labels) return words.browse.wrongUnknown;
  return words.browse.wrong(level.wrong, level.labels, level.confidence);
}
